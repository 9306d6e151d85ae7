//! A training run as a TOML file.

mod learns;
mod memory;
mod parts;
mod read;

use muscall_audio::AugmentConfig;
use muscall_model::{MuscallConfig, Precision};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::loss::{DistilLoss, Loss, TeacherSide};
use crate::optimizer::AdamWConfig;
use crate::schedule::Schedule;

pub use learns::Learns;
pub use parts::{BestBy, DataRecipe, EmaRecipe, OnNotFinite, SslRecipe, ValidationRecipe};

/// Everything that decides how a run goes, but for the data.
///
/// In a file, `[model]` names a `preset` and what differs from it; `extends` names another recipe
/// that this one changes; `key = false` takes away what that one has.
///
/// ```toml
/// extends = "muscall.toml"
/// model.audio.pooling = "average"
/// data.augment = false
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Decides all that is random.
    #[serde(default)]
    pub seed: u64,
    /// Passes over the training rows.
    pub epochs: u64,
    /// Most steps, whatever the epochs.
    #[serde(default)]
    pub max_steps: Option<u64>,
    /// Tracks per batch: each is a negative of all others.
    pub batch_size: usize,
    /// Tracks that go through the network together. A batch of several such parts gives the
    /// gradients of the whole batch at the memory of a part (but for batch norms, which see a part).
    #[serde(default)]
    pub micro_batch: Option<usize>,
    /// Whether a residual network keeps less for its backward pass and convolves again: less memory,
    /// more time, the same gradients. On a CPU.
    #[serde(default)]
    pub recompute: bool,
    /// Whether batch norms of several ranks take the statistics of the parts of all of them, as if they were one. Else
    /// each sees its own.
    #[serde(default)]
    pub sync_batch_norm: bool,
    /// Numbers of activations, products and convolutions; weights, norms, losses and the optimizer are in 32
    /// bits whatever it is, and so are checkpoints.
    #[serde(default)]
    pub precision: Precision,
    /// What happens to a step whose loss or gradients are not finite.
    #[serde(default)]
    pub on_not_finite: OnNotFinite,
    /// Batches whose gradients are averaged for one step.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Largest learning rate.
    pub learning_rate: f64,
    /// The model.
    pub model: MuscallConfig,
    /// Which parts of the model learn.
    #[serde(default, skip_serializing_if = "Learns::is_all")]
    pub learns: Learns,
    /// The data.
    #[serde(default)]
    pub data: DataRecipe,
    /// What brings pairs together.
    #[serde(default)]
    pub loss: Loss,
    /// Self-supervision on audio.
    #[serde(default)]
    pub ssl: Option<SslRecipe>,
    /// AdamW.
    #[serde(default)]
    pub optimizer: AdamWConfig,
    /// The learning rate over time.
    #[serde(default)]
    pub schedule: Schedule,
    /// A moving average of the weights.
    #[serde(default)]
    pub ema: Option<EmaRecipe>,
    /// Which model is kept.
    #[serde(default)]
    pub validation: ValidationRecipe,
    /// Steps between checkpoints, besides the one after each epoch.
    #[serde(default)]
    pub checkpoint_steps: Option<u64>,
    /// Whether the training doctor looks at data and numbers and tells what looks wrong.
    #[serde(default = "yes")]
    pub doctor: bool,
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

impl Recipe {
    /// A recipe with the paper's optimisation: rate 5e-5, batch 256, 150 epochs, its augmentations.
    pub fn new(model: MuscallConfig) -> Self {
        Self {
            seed: 0,
            epochs: 150,
            max_steps: None,
            batch_size: 256,
            micro_batch: None,
            recompute: false,
            sync_batch_norm: false,
            precision: Precision::default(),
            on_not_finite: OnNotFinite::default(),
            accumulate: 1,
            learning_rate: 5e-5,
            model,
            learns: Learns::default(),
            data: DataRecipe { augment: AugmentConfig::muscall(), ..DataRecipe::default() },
            loss: Loss::default(),
            ssl: None,
            optimizer: AdamWConfig::default(),
            schedule: Schedule::default(),
            ema: None,
            validation: ValidationRecipe::default(),
            checkpoint_steps: None,
            doctor: true,
        }
    }

    /// # Errors
    /// [`TrainError::Recipe`] or a model's error, for the first field out of range.
    pub fn validate(&self) -> Result<(), TrainError> {
        TrainError::check(self.epochs >= 1, "epochs", self.epochs, "at least 1")?;
        let steps = self.max_steps.unwrap_or(1);
        TrainError::check(steps >= 1, "max_steps", steps, "at least 1")?;
        let batch = self.batch_size >= 2;
        TrainError::check(batch, "batch_size", self.batch_size, "at least 2, since a pair needs a negative")?;
        let micro = self.micro_batch.unwrap_or(1);
        TrainError::check(micro >= 1, "micro_batch", micro, "at least 1")?;
        let dropout = self.model.audio.dropout();
        let expected = "0 with sync_batch_norm: what is dropped must not depend on when other devices answer";
        TrainError::check(!self.sync_batch_norm || dropout == 0.0, "model.audio.dropout", dropout, expected)?;
        TrainError::check(self.accumulate >= 1, "accumulate", self.accumulate, "at least 1")?;
        let rate = self.learning_rate > 0.0 && self.learning_rate.is_finite();
        TrainError::check(rate, "learning_rate", self.learning_rate, "positive")?;
        let gallery = self.validation.gallery;
        TrainError::check(gallery >= 2, "validation.gallery", gallery, "at least 2")?;
        let patience = self.validation.patience.unwrap_or(1);
        let expected = "at least 1; leave it out to train to the last epoch";
        TrainError::check(patience >= 1, "validation.patience", patience, expected)?;
        let every = self.checkpoint_steps.unwrap_or(1);
        TrainError::check(every >= 1, "checkpoint_steps", every, "at least 1")?;
        self.data.validate()?;
        self.loss.validate()?;
        self.ssl.as_ref().map_or(Ok(()), SslRecipe::validate)?;
        self.ema.as_ref().map_or(Ok(()), EmaRecipe::validate)?;
        self.validate_parts()?;
        self.optimizer.validate()?;
        self.schedule.validate()?;
        Ok(self.model.validate()?)
    }

    /// Whether what learns fits the rest.
    fn validate_parts(&self) -> Result<(), TrainError> {
        let Self { learns, model, data, .. } = self;
        let is_distilled = self.loss.downcast_ref::<DistilLoss>();
        let side = is_distilled.map(|distil| distil.teacher);
        let fits = match side {
            Some(TeacherSide::Text) => *learns == Learns::Audio,
            Some(TeacherSide::Audio) => *learns == Learns::Text,
            None => true,
        };
        let expected = "\"audio\" where loss.teacher is \"text\", and \"text\" where it is \"audio\"";
        TrainError::check(fits, "learns", format!("{learns:?}"), expected)?;
        if *learns == Learns::Top {
            for (field, has_top) in
                [("model.audio", model.audio.is_top("").is_some()), ("model.text", model.text.is_top("").is_some())]
            {
                let expected = "an encoder that can stay as it is but for its last layers, where learns is \"top\"; take \"heads\" or \"all\"";
                TrainError::check(has_top, field, "another encoder", expected)?;
            }
        }
        let is_known = *learns == Learns::Heads || side.is_some();
        if is_known {
            let captions = data.captions_per_track;
            let expected = "1 where the loss is `distil`";
            TrainError::check(side.is_none() || captions == 1, "data.captions_per_track", captions, expected)?;
            let windows = data.windows.is_some() || side == Some(TeacherSide::Audio) || !data.random_crop;
            let expected =
                "given where learns is \"heads\" or the loss `distil`: what is computed once is of fixed windows";
            TrainError::check(windows, "data.windows", "none", expected)?;
            TrainError::check(
                self.ssl.is_none(),
                "ssl",
                "given",
                "left out where learns is \"heads\" or the loss `distil`",
            )?;
        }
        let is_plain = *learns != Learns::Heads || data.augment == AugmentConfig::none();
        let expected = "left out where learns is \"heads\": what the towers make of a clip is computed once";
        TrainError::check(is_plain, "data.augment", "given", expected)?;
        let has_heads = *learns != Learns::Heads || model.project;
        TrainError::check(has_heads, "model.project", "false", "true where learns is \"heads\"")
    }

    /// Whether a parameter learns, by its name in the whole model or among the heads of training.
    pub(crate) fn trains(&self, name: &str) -> bool {
        self.learns.trains(&self.model, name)
    }

    /// Whether a run of this recipe may continue with another one: only settings that do not affect the numbers may differ.
    pub(crate) fn goes_on_with(&self, other: &Self) -> bool {
        let what_counts = |recipe: &Self| {
            let mut recipe = recipe.clone();
            let DataRecipe { cache, threads, prefetch_batches, .. } = DataRecipe::default();
            (recipe.data.cache, recipe.data.threads, recipe.data.prefetch_batches) = (cache, threads, prefetch_batches);
            (recipe.checkpoint_steps, recipe.doctor, recipe.recompute) = (None, true, false);
            recipe
        };
        what_counts(self) == what_counts(other)
    }

    /// Tracks that one step takes from the data.
    pub fn tracks_per_step(&self) -> usize {
        self.batch_size * self.accumulate
    }
}
