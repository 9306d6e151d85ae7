//! What brings matching pairs together, whatever it is.

use std::any::Any;
use std::fmt::Debug;
use std::ops::Deref;
use std::sync::Arc;

use burn::tensor::Tensor;
use muscall_audio::OpenKind;
use serde::{Deserialize, Serialize};

use super::pairs::PairBatch;
use super::weighted::Weighting;
use crate::TrainError;

/// A loss of a batch of pairs.
///
/// A kind of one's own is a struct with serde's traits (and `#[serde(deny_unknown_fields)]`, so that a misspelt key is
/// an error) and this trait under `#[typetag::serde(name = "…")]`; the name is its `kind` in recipes. The facade's
/// example `own_loss` shows one.
#[typetag::serde(tag = "kind")]
pub trait PairLoss: Debug + Send + Sync + Any {
    /// # Errors
    /// [`TrainError::Recipe`] with the first field out of range; [`TrainError::check`] makes one.
    fn validate(&self) -> Result<(), TrainError> {
        Ok(())
    }

    /// The loss of one batch, to be minimised. `seed` drives any random choice the loss makes.
    ///
    /// # Shapes
    /// - returns `[1]`.
    fn forward(&self, batch: &PairBatch, seed: u64) -> Tensor<1>;

    /// Numbers of the loss itself that are trained, by name, and what they are at the start. They are in checkpoints
    /// under these names, and [`PairBatch::parameter`] gives them.
    fn parameters(&self) -> Vec<(&'static str, f32)> {
        Vec::new()
    }

    /// How captions are weighted by their meaning, if they are: [`PairBatch::similarity`] is then there.
    fn weighting(&self) -> Option<&Weighting> {
        None
    }

    /// What the loss of a batch is when the model tells nothing apart, if that is a number that means something.
    fn at_chance(&self, _tracks: usize, _captions: usize) -> Option<f64> {
        None
    }
}

/// Any [`PairLoss`]. In a file, `kind` says which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Loss(OpenKind<dyn PairLoss>);

impl<T: PairLoss> From<T> for Loss {
    fn from(loss: T) -> Self {
        Self(OpenKind::new(Arc::new(loss)))
    }
}

impl Loss {
    /// The loss, if it is of this kind.
    pub fn downcast_ref<T: PairLoss>(&self) -> Option<&T> {
        let loss: &dyn Any = &*self.0;
        loss.downcast_ref()
    }
}

impl Deref for Loss {
    type Target = dyn PairLoss;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}
