//! What can go wrong between a request and its answers.

use muscall_audio::AudioError;
use muscall_model::ModelError;
use muscall_retrieval::RetrievalError;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// A request asks for nothing.
    #[error("the request has no terms; write what to look for, such as `calm piano -drums`")]
    NoTerms,
    /// A request asks for too much at once.
    #[error("the request has {found} terms; at most {limit} are taken")]
    TooManyTerms {
        /// In the request.
        found: usize,
        /// Most that are taken.
        limit: usize,
    },
    /// A text term has no words.
    #[error("term {term}: the text is empty; write some words or leave the term out")]
    EmptyText {
        /// Position of the term, from 1.
        term: usize,
    },
    /// A text term is longer than any caption.
    #[error("term {term}: the text has {found} characters; at most {limit} are taken")]
    LongText {
        /// Position of the term, from 1.
        term: usize,
        /// Characters of the text.
        found: usize,
        /// Most that are taken.
        limit: usize,
    },
    /// A number of a request is out of range, or not a number.
    #[error("`{field}` is {found}; it must be {expected}")]
    Number {
        /// The field, such as `terms[1].weight`.
        field: String,
        /// The value that was given.
        found: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// A stretch of time ends before it starts.
    #[error("{what}: it goes from {start_s} s to {end_s} s; the end must come after the start")]
    Reversed {
        /// Whose stretch.
        what: String,
        /// Its start.
        start_s: f64,
        /// Its end.
        end_s: f64,
    },
    /// A stretch of time lies behind the end.
    #[error("{what}: nothing lies at {start_s} s; it is {duration_s:.1} s long")]
    Behind {
        /// The file or track.
        what: String,
        /// Where the stretch starts.
        start_s: f64,
        /// How long the audio is.
        duration_s: f64,
    },
    /// No track has this number, or not any more.
    #[error("there is no track {track} in the index; it may have been removed: search again")]
    UnknownTrack {
        /// The number.
        track: usize,
    },
    /// A quotation mark has no partner.
    #[error("the quotation mark at character {at} is never closed")]
    OpenQuote {
        /// Characters before it, plus one.
        at: usize,
    },
    /// What follows `@` is not a stretch of time.
    #[error(
        "`@{found}` is not a stretch of time; write `\"song.mp3\"@30-45`, in seconds, or `\"song.mp3\"@` for all of it"
    )]
    Stretch {
        /// What was written.
        found: String,
    },
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The index failed.
    #[error(transparent)]
    Retrieval(#[from] RetrievalError),
    /// Rows of vectors that do not fit, or are not finite.
    #[error(transparent)]
    Vectors(#[from] muscall_retrieval::VectorError),
    /// A file of a request cannot be read.
    #[error(transparent)]
    Audio(#[from] AudioError),
}

impl LibraryError {
    /// What to say of a number that is out of range.
    pub(crate) fn check(
        valid: bool,
        field: impl FnOnce() -> String,
        found: Option<f64>,
        expected: &'static str,
    ) -> Result<(), Self> {
        if valid {
            return Ok(());
        }
        Err(Self::Number { field: field(), found: found.unwrap_or(f64::NAN), expected })
    }
}
