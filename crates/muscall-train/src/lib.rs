//! Training and evaluation of the MusCALL dual encoder.
//!
//! A [`Recipe`] says how, a [`Manifest`] on what; [`Learner::fit`] trains, tells a listener what
//! happens, and leaves a bundle behind. [`evaluate`] measures retrieval.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod benchmark;
mod calibration;
mod captions;
pub mod checkpoint;
pub mod device_check;
pub mod distil;
pub mod distributed;
pub mod doctor;
mod draws;
mod ema;
mod embed_files;
mod error;
mod evaluate;
mod event;
pub mod gradient;
mod heads;
mod initial;
mod known;
mod learner;
mod log;
pub mod loss;
pub mod loss_scale;
pub mod optimizer;
pub mod recipe;
mod run_dir;
pub mod schedule;
pub mod step;
mod sum;
pub mod trainee;
pub mod values;

pub use calibration::{KnownQueries, calibrate};
pub use captions::Captions;
pub use error::TrainError;
pub use evaluate::{Evaluation, FoundTrack, Hearing, QueryResult, evaluate, subset};
pub use event::{Event, SkippedStep, StepReport, ValidationReport};
pub use heads::Heads;
pub use initial::InitialWeights;
pub use known::Input;
pub use learner::{CheckDevice, Learner, OnExisting, Outcome};
pub use muscall_data::{AbsentRows, DataError, Manifest, Row, Split, batcher, dataset, manifest};
pub use recipe::Recipe;
