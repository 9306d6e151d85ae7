//! Distillation: a small model that puts music where a large one does.
//!
//! [`Recipe::with_teacher`](crate::Recipe::with_teacher) makes a student's model, [`Learner::with_teacher`] trains it with
//! [`DistilLoss`], and [`nearness`] says how near it has come on tracks that it has not learned from.
//!
//! [`Learner::with_teacher`]: crate::Learner::with_teacher
//! [`DistilLoss`]: crate::loss::DistilLoss

mod linear;
mod nearness;
mod student;

pub use linear::{ridge, untrained};
pub(crate) use nearness::explained;
pub use nearness::{Nearness, Side, nearness, nearness_of_words};
