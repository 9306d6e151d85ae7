//! Towers that read.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use muscall_audio::OpenKind;
use serde::{Deserialize, Serialize};

use super::{AnyEncoder, TowerConfig};
use crate::ModelError;
use crate::text::{TextBatch, TextFrontend};

/// The encoder of a text tower: captions, as its frontend reads them, to vectors.
pub type TextEncoder = AnyEncoder<TextBatch>;

/// The configuration of a text tower: captions to vectors.
///
/// A kind of one's own is a struct with serde's traits (and `#[serde(deny_unknown_fields)]`, so that a misspelt key is
/// an error) and this trait under `#[typetag::serde(name = "…")]`; the name is its `kind` in recipes and bundles.
#[typetag::serde(tag = "kind")]
pub trait TextTower: TowerConfig {
    /// The same tower without dropout, for comparisons.
    fn without_dropout(&self) -> TextEncoderConfig;

    /// Builds the trainable part with random weights. The configuration has been validated.
    ///
    /// # Errors
    /// [`ModelError::Config`].
    fn init(&self, device: &Device) -> Result<TextEncoder, ModelError>;

    /// Whether every caption's tokens fit. A model with another vocabulary can be loaded and fed with tokens, but not
    /// with captions.
    ///
    /// # Errors
    /// [`ModelError::Config`].
    fn check_tokens(&self) -> Result<(), ModelError> {
        Ok(())
    }

    /// The same tower as a bundle describes it: with the bundle's own copy of a file instead of its place on this machine.
    /// None if it names no file.
    fn in_bundle(&self) -> Option<TextEncoderConfig> {
        None
    }

    /// The frontend that training starts from. Its vocabulary may be that of `captions`.
    ///
    /// # Errors
    /// [`ModelError`] with the file that is missing or damaged, or does not fit.
    fn frontend(&self, captions: &mut dyn Iterator<Item = &str>, device: &Device) -> Result<TextFrontend, ModelError>;

    /// The frontend of a bundle, as its [`save`](crate::text::TextProcessor::save) wrote it.
    ///
    /// # Errors
    /// [`ModelError`] with the file that is missing or damaged, or does not fit.
    fn load_frontend(&self, bundle: &Path, device: &Device) -> Result<TextFrontend, ModelError>;
}

/// Which text encoder, and how large: any [`TextTower`]. In a file, `kind` says which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TextEncoderConfig(OpenKind<dyn TextTower>);

impl<T: TextTower> From<T> for TextEncoderConfig {
    fn from(tower: T) -> Self {
        Self(OpenKind::new(Arc::new(tower)))
    }
}

impl TextEncoderConfig {
    /// The configuration, if it is of this kind.
    pub fn downcast_ref<T: TextTower>(&self) -> Option<&T> {
        let tower: &dyn Any = &*self.0;
        tower.downcast_ref()
    }

    /// # Errors
    /// As [`TowerConfig::validate`].
    pub fn validate(&self) -> Result<(), ModelError> {
        self.0.validate()
    }

    /// Builds the trainable part with random weights.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<TextEncoder, ModelError> {
        self.validate()?;
        self.0.init(device)
    }
}

impl std::ops::Deref for TextEncoderConfig {
    type Target = dyn TextTower;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}
