//! Takes the vectors of an index to other engines and searches there.
//!
//! A source of rows implements [`Rows`], as an index does; every target takes any source, a row at a time, and refuses
//! what does not fit. What was there before stays until the new is whole.
//!
//! | target | feature | |
//! |---|---|---|
//! | NumPy's `.npy`, and a `.csv` | always there | [`write_npy`] |
//! | Apache Parquet, and back | `parquet` | `write_parquet`, `ParquetRows` |
//! | Postgres with pgvector | `postgres` | `Postgres`, which searches too |
//! | a Qdrant server or cluster | `qdrant` | `Qdrant`, which searches too |
//!
//! ```
//! use muscall_engines::{EngineError, Row, Rows, write_npy};
//!
//! struct Two;
//!
//! impl Rows for Two {
//!     fn dim(&self) -> usize {
//!         2
//!     }
//!     fn fingerprint(&self) -> &str {
//!         "the model's"
//!     }
//!     fn each(&self, row: &mut dyn FnMut(Row<'_>) -> Result<(), EngineError>) -> Result<(), EngineError> {
//!         row(Row { id: 0, path: "rain.flac", start_s: 0.0, vector: &[1.0, 0.0] })?;
//!         row(Row { id: 1, path: "rain.flac", start_s: 10.0, vector: &[0.6, 0.8] })
//!     }
//! }
//!
//! let dir = tempfile::tempdir()?;
//! assert_eq!(write_npy(&dir.path().join("music.npy"), &Two)?, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod error;
mod index;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "qdrant")]
mod qdrant;
mod rows;
mod search;

pub use error::EngineError;
pub use npy::{ids_path, write_npy};
#[cfg(feature = "parquet")]
pub use parquet::{FINGERPRINT_KEY, ParquetRows, write_parquet};
#[cfg(feature = "postgres")]
pub use postgres::Postgres;
#[cfg(feature = "qdrant")]
pub use qdrant::Qdrant;
pub use rows::{Row, Rows};
pub use search::{EngineHit, Hnsw, Pushed, Search};
