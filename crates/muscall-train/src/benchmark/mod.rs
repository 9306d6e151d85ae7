//! What a model makes of public data sets.

mod probe;
mod zero_shot;

pub use muscall_data::benchmark::*;
pub use probe::linear_probe;
pub use zero_shot::{ClassPrompts, TaggingReport, zero_shot_classification, zero_shot_tagging};
