//! Takes the vectors of an index to other engines and searches there.
//!
//! A source of rows implements [`Rows`]; every target takes any source.
//!
//! | target | feature | written by |
//! |---|---|---|
//! | NumPy `.npy` and a `.csv` | always there | [`write_npy`] |
//! | Apache Parquet, and back | `parquet` | `write_parquet`, `ParquetRows` |

mod error;
mod files;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;
mod rows;

pub use error::EngineError;
pub use npy::{ids_path, write_npy};
#[cfg(feature = "parquet")]
pub use parquet::{FINGERPRINT_KEY, ParquetRows, write_parquet};
pub use rows::{Row, Rows};
