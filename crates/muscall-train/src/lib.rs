//! Training and evaluation of the MusCALL dual encoder.
//!
//! A [`Recipe`] says how, a [`Manifest`] on what; [`Learner::fit`] trains, tells a listener what
//! happens, and leaves a bundle behind. [`evaluate`] measures retrieval.

pub mod batcher;
pub mod checkpoint;
pub mod dataset;
mod error;
mod evaluate;
mod event;
mod learner;
mod log;
pub mod loss;
pub mod manifest;
pub mod optimizer;
pub mod recipe;
pub mod schedule;

pub use error::TrainError;
pub use evaluate::{Evaluation, evaluate, subset};
pub use event::{Event, StepReport, ValidationReport};
pub use learner::{Learner, OnExisting, Outcome};
pub use manifest::{Manifest, Split};
pub use recipe::{Preset, Recipe};
