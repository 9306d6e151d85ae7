//! A model and what its scores mean.

use crate::{Muscall, ScoreScale};

impl Muscall {
    /// What its scores mean, if it was [calibrated](Self::with_scale).
    pub fn scale(&self) -> Option<&ScoreScale> {
        self.scale.as_deref()
    }

    /// The same model with what its scores mean, which [`save`](Self::save) writes too.
    #[must_use]
    pub fn with_scale(mut self, scale: ScoreScale) -> Self {
        self.scale = Some(scale.into());
        self
    }
}
