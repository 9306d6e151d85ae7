//! Takes the vectors of an index to other engines and searches there.
//!
//! A source of rows implements [`Rows`]; every target takes any source.
//!
//! | target | feature | written by |
//! |---|---|---|
//! | NumPy `.npy` and a `.csv` | always there | [`write_npy`] |

mod error;
mod files;
mod npy;
mod rows;

pub use error::EngineError;
pub use npy::{ids_path, write_npy};
pub use rows::{Row, Rows};
