//! What can go wrong with vectors and their files.

use std::path::PathBuf;

use muscall_files::FileError;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetrievalError {
    /// Rows that do not fit, or are not finite.
    #[error(transparent)]
    Vectors(#[from] muscall_vectors::VectorError),
    /// There is nothing to rank.
    #[error("no {what} to evaluate")]
    Empty {
        /// `queries` or `items`.
        what: &'static str,
    },
    /// Captions and tracks do not fit together.
    #[error("{given} captions are assigned to tracks, but there are {captions} embeddings of captions")]
    Pairs {
        /// Assignments.
        given: usize,
        /// Embeddings.
        captions: usize,
    },
    /// A caption belongs to a track that is not there.
    #[error("caption {caption} belongs to track {track}, but there are {tracks} tracks")]
    Track {
        /// The caption.
        caption: usize,
        /// Its track.
        track: usize,
        /// Tracks in the gallery.
        tracks: usize,
    },
    /// A track has no caption, so no query can find it.
    #[error("track {track} has no caption; leave it out of the gallery")]
    NoCaption {
        /// The track.
        track: usize,
    },
    /// An id is in the index already.
    #[error("`{id}` is in the index already; remove it first")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] FileError),
    /// A file is not a whole index.
    #[error("{path}: {what}; the index is damaged or was written by another version: build it again")]
    Corrupt {
        /// The index or its graph.
        path: PathBuf,
        /// What does not fit.
        what: &'static str,
    },
    /// The vectors of an index come from another model.
    #[error(
        "{path}: made with the model {found}, not with {expected}{}; vectors of two models cannot be compared: build the index again",
        crate::Fingerprint::difference(found, expected)
    )]
    Fingerprint {
        /// The index.
        path: PathBuf,
        /// In the file.
        found: String,
        /// Of the model at hand.
        expected: String,
    },
    /// A query without terms.
    #[error("the query has no terms; add one with `text` or `audio`")]
    NoTerms,
    /// A weight that says nothing.
    #[error("term {term} of the query has the weight {weight}; give a finite one, or leave the term out if it is zero")]
    Weight {
        /// The term, from 0.
        term: usize,
        /// Its weight.
        weight: f32,
    },
    /// A term that points nowhere.
    #[error(
        "term {term} of the query has no direction: it is zero, or the mean of its modality; leave it out or describe it differently"
    )]
    NoDirection {
        /// The term, from 0.
        term: usize,
    },
    /// Terms that leave nothing.
    #[error("the {terms} terms of the query cancel out; change a weight or leave out terms that contradict each other")]
    Cancelled {
        /// How many there are.
        terms: usize,
    },
    /// The mean of a modality is not a vector of numbers.
    #[error("a centre of the query's modalities holds a value that is not finite; compute the centres again")]
    Centre,
    /// Scores and rows do not fit together.
    #[error("{scores} scores for {rows} rows; pass one score per row")]
    Scores {
        /// Scores.
        scores: usize,
        /// Rows.
        rows: usize,
    },
    /// A number that steers a search is not in its range.
    #[error("`{what}` is {found}; expected {expected}")]
    OutOfRange {
        /// Its name.
        what: &'static str,
        /// The value that was given.
        found: f32,
        /// The range.
        expected: &'static str,
    },
    /// A row that is not there.
    #[error("there is no row {row} among {rows}; rows are counted from 0")]
    NoRow {
        /// The row.
        row: usize,
        /// Rows.
        rows: usize,
    },
    /// A walk that goes nowhere.
    #[error("the walk starts and ends at row {row}; choose two rows")]
    SameEnds {
        /// The row.
        row: usize,
    },
    /// A walk that is too short or too long.
    #[error(
        "a walk of {steps} steps over {rows} rows; expected at least one step and, since no row comes twice, fewer steps than rows"
    )]
    Steps {
        /// Steps.
        steps: usize,
        /// Rows.
        rows: usize,
    },
    /// The name of a playlist does not say what it is.
    #[error("{path}: this is not the extension of a playlist; use .m3u8, .xspf or .json")]
    PlaylistExtension {
        /// The name that was given.
        path: PathBuf,
    },
    /// A path that a format has no way to write.
    #[error("{path:?}: {why}, which {format} cannot hold; rename the file or write {instead}")]
    PlaylistPath {
        /// The path of the entry.
        path: PathBuf,
        /// What it has.
        why: &'static str,
        /// The format.
        format: &'static str,
        /// Formats that can.
        instead: &'static str,
    },
    /// A number of a playlist that is none.
    #[error("{path:?}: `{field}` is {found}; expected {expected}")]
    PlaylistNumber {
        /// The path of the entry.
        path: PathBuf,
        /// The number's name.
        field: &'static str,
        /// The value that was given.
        found: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A playlist could not be written.
    #[error("the playlist could not be written: {source}; check the permissions and the space on the disk")]
    PlaylistWrite {
        /// What the system says.
        source: std::io::Error,
    },
    /// A setting or a value cannot be.
    #[error("{setting}: found {found}, expected {expected}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What it is.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// Another process is writing to an index.
    #[error("{path}: another process is adding to this index; wait for it to end, or write to another file")]
    Locked {
        /// The index.
        path: PathBuf,
    },
    /// A commit failed half-way, and what of it is on the disk is not known.
    #[error(
        "{path}: a commit failed, and it is unknown how much of it reached the disk; open the index again: nothing that was committed before is lost"
    )]
    FailedCommit {
        /// The index.
        path: PathBuf,
    },
    /// There is no track of this number.
    #[error("{path}: there is no track {track}: it was removed, or the number comes from another index")]
    NoTrack {
        /// The index.
        path: PathBuf,
        /// The number.
        track: usize,
    },
    /// A graph could not be built or opened.
    #[error("{path}: {reason}; the graph was made by another version, or there is too little memory: build it again")]
    Graph {
        /// The graph.
        path: PathBuf,
        /// What usearch says.
        reason: String,
    },
    /// A row that a graph cannot rank as the index does.
    #[error(
        "{path}: row {row}, of track {track}, has the norm {found}; a graph compares only directions, so rows must have unit norm"
    )]
    NotUnit {
        /// The index.
        path: PathBuf,
        /// The segment, from 0.
        row: usize,
        /// Its track.
        track: usize,
        /// Its norm.
        found: f32,
    },
    /// A graph was replaced by another one again and again.
    #[error("{path}: the graph was replaced while it was opened; open it again")]
    GraphReplaced {
        /// The graph.
        path: PathBuf,
    },
    /// A graph of another index, or of this one before it was compacted.
    #[error("{path}: the graph does not match the current state of {index}; rebuild it")]
    StaleGraph {
        /// The graph.
        path: PathBuf,
        /// The index.
        index: PathBuf,
    },
}
