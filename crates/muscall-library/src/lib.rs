//! A folder of music that answers.
//!
//! A [`Request`] says what to look for, in [one line of words](Request::parse_words) or as JSON: words,
//! files and tracks, each with a weight. A [`Library`] is a trained model with an index of what it has
//! heard; it answers with tracks, and with the moments in them that fit best.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod error;
mod library;
mod request;
mod response;
mod tag_query;
mod term;
mod words;

pub use error::LibraryError;
pub use library::Library;
pub use request::{Filter, MAX_MOMENTS, MAX_TERMS, MAX_TOP, Request};
pub use response::Response;
pub use term::{Like, MAX_TEXT, MAX_WEIGHT, Stretch, Term};
pub use words::SIGNED_WEIGHT;
