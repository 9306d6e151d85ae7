//! What a model gets right and wrong, as tables, pictures and a page.
//!
//! [`Report`] gathers everything that is known of a model on a data set and writes a folder;
//! [`pictures`] are drawn from plain numbers and can be used alone; [`project`] makes points of
//! embeddings.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod axes;
mod error;
mod fonts;
mod page;
mod picture;
pub mod pictures;
pub mod project;
mod report;
mod runs;
mod sections;
mod theme;
mod training_log;
mod typeset;

pub use error::ReportError;
pub use picture::{Canvas, Drawn, Picture, SavedPicture, png, save, svg, without_font};
pub use report::{Report, ReportConfig};
pub use theme::{DARK, LIGHT, Theme};
pub use training_log::TrainingLog;
