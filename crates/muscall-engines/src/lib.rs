//! Takes the vectors of an index to other engines and searches there.
//!
//! A source of rows implements [`Rows`]; every target takes any source.
//!
//! | target | feature | written by |
//! |---|---|---|
//! | NumPy `.npy` and a `.csv` | always there | [`write_npy`] |
//! | Apache Parquet, and back | `parquet` | `write_parquet`, `ParquetRows` |
//! | Postgres with pgvector | `postgres` | `Postgres`, which searches too |

mod error;
mod files;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "postgres")]
mod postgres;
mod rows;
mod search;

pub use error::EngineError;
pub use npy::{ids_path, write_npy};
#[cfg(feature = "parquet")]
pub use parquet::{FINGERPRINT_KEY, ParquetRows, write_parquet};
#[cfg(feature = "postgres")]
pub use postgres::Postgres;
pub use rows::{Row, Rows};
pub use search::{EngineHit, Hnsw, Pushed, Search};
