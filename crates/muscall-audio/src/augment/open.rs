//! Augmentations of other programs.

use std::fmt::Debug;
use std::ops::Deref;
use std::sync::Arc;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::AudioError;
use crate::open_kind::OpenKind;

/// An augmentation that is not one of this library's.
///
/// It is a struct with serde's traits (and `#[serde(deny_unknown_fields)]`, so that a misspelt key is an error) and this
/// trait under `#[typetag::serde(name = "…")]`. In a recipe it is an entry of `[[data.augment.other]]` with that name as
/// its `kind`. The facade's example `own_augmentation` shows one.
#[typetag::serde(tag = "kind")]
pub trait Augmentation: Debug + Send + Sync {
    /// # Errors
    /// [`AudioError::InvalidSetting`] naming the first field that does not make sense and what would.
    fn validate(&self) -> Result<(), AudioError> {
        Ok(())
    }

    /// Changes a clip, or does not: everything that is random follows from `seed`, so that a run that is resumed does
    /// what it would have done. The length must stay.
    fn apply(&self, samples: &mut [f32], sample_rate: u32, seed: u64);
}

/// Any [`Augmentation`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OtherAugmentation(OpenKind<dyn Augmentation>);

impl<T: Augmentation + 'static> From<T> for OtherAugmentation {
    fn from(augmentation: T) -> Self {
        Self(OpenKind::new(Arc::new(augmentation)))
    }
}

impl Deref for OtherAugmentation {
    type Target = dyn Augmentation;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl OtherAugmentation {
    /// Draws what is done to one clip.
    pub fn draw(&self, rng: &mut impl Rng) -> OtherParams {
        OtherParams { augmentation: self.clone(), seed: rng.random() }
    }
}

/// What is done to one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherParams {
    /// By which augmentation.
    pub augmentation: OtherAugmentation,
    /// What decides all that is random.
    pub seed: u64,
}

impl OtherParams {
    /// Changes the clip. The length stays.
    pub fn apply(&self, samples: &mut [f32], sample_rate: u32) {
        self.augmentation.apply(samples, sample_rate, self.seed);
    }
}
