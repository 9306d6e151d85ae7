//! A training run as a TOML file.

use std::fs;
use std::path::Path;

use muscall_audio::AugmentConfig;
use muscall_model::{MuscallConfig, Temperature};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::batcher::OnBadFile;
use crate::loss::ContrastiveLoss;
use crate::optimizer::AdamWConfig;
use crate::schedule::Schedule;

/// A named model of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// [`MuscallConfig::released`].
    Released,
    /// [`MuscallConfig::resnet50`].
    Resnet50,
    /// [`MuscallConfig::tiny`].
    Tiny,
}

/// The model of a recipe: a preset, and what differs from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecipe {
    /// Where to start.
    pub preset: Preset,
    /// Seconds of audio.
    pub clip_s: Option<f64>,
    /// Dimensions of the joint space.
    pub projection_dim: Option<usize>,
    /// Temperature, learned or fixed.
    pub temperature: Option<Temperature>,
    /// Upper edge of the mel bands.
    pub f_max_hz: Option<f32>,
    /// Audio encoder, replaced as a whole.
    pub audio: Option<muscall_model::audio::AudioEncoderConfig>,
    /// Text encoder, replaced as a whole.
    pub text: Option<muscall_model::text::TextEncoderConfig>,
}

impl ModelRecipe {
    /// The preset as it is.
    pub fn new(preset: Preset) -> Self {
        Self { preset, clip_s: None, projection_dim: None, temperature: None, f_max_hz: None, audio: None, text: None }
    }

    /// The configuration that this describes.
    pub fn config(&self) -> MuscallConfig {
        let mut config = match self.preset {
            Preset::Released => MuscallConfig::released(),
            Preset::Resnet50 => MuscallConfig::resnet50(),
            Preset::Tiny => MuscallConfig::tiny(),
        };
        config.clip_s = self.clip_s.unwrap_or(config.clip_s);
        config.projection_dim = self.projection_dim.unwrap_or(config.projection_dim);
        config.temperature = self.temperature.unwrap_or(config.temperature);
        config.log_mel.f_max = self.f_max_hz.unwrap_or(config.log_mel.f_max);
        config.audio = self.audio.clone().unwrap_or(config.audio);
        config.text = self.text.clone().unwrap_or(config.text);
        config
    }
}

/// How clips are drawn and loaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataRecipe {
    /// A random crop each time, or always the central one.
    pub random_crop: bool,
    /// Augmentations.
    pub augment: AugmentConfig,
    /// Loader threads. Their number does not change a batch.
    pub threads: usize,
    /// Batches made ahead of the step.
    pub prefetch_batches: usize,
    /// Skip a file that cannot be read, or stop.
    pub on_bad_file: OnBadFile,
}

impl Default for DataRecipe {
    fn default() -> Self {
        Self {
            random_crop: true,
            augment: AugmentConfig::none(),
            threads: 2,
            prefetch_batches: 2,
            on_bad_file: OnBadFile::Skip,
        }
    }
}

/// What makes a model the best one; both of text→audio retrieval on the validation rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BestBy {
    /// Recall at 10, equal values being decided by mAP@10.
    #[default]
    #[serde(rename = "r_at_10")]
    RAt10,
    /// mAP@10: on galleries of some dozens of tracks recall at 10 is soon one.
    #[serde(rename = "map_at_10")]
    MapAt10,
}

/// When and on what the model is validated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ValidationRecipe {
    /// Most tracks of the gallery; of more, a fixed seeded subset is taken.
    pub gallery: usize,
    /// Which model is kept.
    pub best_by: BestBy,
    /// Stop after so many epochs without a better score.
    pub patience: Option<usize>,
}

impl Default for ValidationRecipe {
    fn default() -> Self {
        Self { gallery: 1000, best_by: BestBy::default(), patience: None }
    }
}

/// Everything that decides how a run goes, but for the data.
///
/// # Source
/// Section 4.2 of the paper; the defaults are those of `docs/PARITY.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Of weights, crops, augmentations, captions, order and dropout.
    #[serde(default)]
    pub seed: u64,
    /// Passes over the training rows.
    pub epochs: u64,
    /// Pairs a step; each is the others' negatives.
    pub batch_size: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// The model.
    pub model: ModelRecipe,
    /// Loading and augmentation.
    #[serde(default)]
    pub data: DataRecipe,
    /// The contrastive loss.
    #[serde(default)]
    pub loss: ContrastiveLoss,
    /// AdamW.
    #[serde(default)]
    pub optimizer: AdamWConfig,
    /// The learning rate over time.
    #[serde(default)]
    pub schedule: Schedule,
    /// Validation and early stopping.
    #[serde(default)]
    pub validation: ValidationRecipe,
    /// Steps between checkpoints, besides the one after each epoch.
    #[serde(default)]
    pub checkpoint_steps: Option<u64>,
}

impl Recipe {
    /// A recipe with the paper's optimisation: rate 5e-5, batch 256, 150 epochs, its augmentations.
    pub fn new(preset: Preset) -> Self {
        Self {
            seed: 0,
            epochs: 150,
            batch_size: 256,
            learning_rate: 5e-5,
            model: ModelRecipe::new(preset),
            data: DataRecipe { augment: AugmentConfig::muscall(), ..DataRecipe::default() },
            loss: ContrastiveLoss::default(),
            optimizer: AdamWConfig::default(),
            schedule: Schedule::default(),
            validation: ValidationRecipe::default(),
            checkpoint_steps: None,
        }
    }

    /// Reads and validates a TOML file; an unknown key is an error.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::RecipeFile`], or what [`validate`](Self::validate) finds.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let text = fs::read_to_string(path).map_err(|source| TrainError::Io { path: path.to_owned(), source })?;
        let parse = |source| TrainError::RecipeFile { path: path.to_owned(), source: Box::new(source) };
        let recipe: Self = toml::from_str(&text).map_err(parse)?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// # Errors
    /// [`TrainError::Recipe`] or a model's error, for the first field out of range.
    pub fn validate(&self) -> Result<(), TrainError> {
        TrainError::check(self.epochs >= 1, "epochs", self.epochs, "at least 1")?;
        let batch = self.batch_size >= 2;
        TrainError::check(batch, "batch_size", self.batch_size, "at least 2, since a pair needs a negative")?;
        let rate = self.learning_rate > 0.0 && self.learning_rate.is_finite();
        TrainError::check(rate, "learning_rate", self.learning_rate, "positive")?;
        let threads = (1..=256).contains(&self.data.threads);
        TrainError::check(threads, "data.threads", self.data.threads, "from 1 to 256")?;
        let prefetch = self.data.prefetch_batches >= 1;
        TrainError::check(prefetch, "data.prefetch_batches", self.data.prefetch_batches, "at least 1")?;
        let gallery = self.validation.gallery;
        TrainError::check(gallery >= 2, "validation.gallery", gallery, "at least 2")?;
        let every = self.checkpoint_steps.unwrap_or(1);
        TrainError::check(every >= 1, "checkpoint_steps", every, "at least 1")?;
        self.data.augment.validate()?;
        self.optimizer.validate()?;
        self.schedule.validate()?;
        self.model.config().validate()?;
        Ok(())
    }
}
