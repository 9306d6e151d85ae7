//! What `train` and `distil` let one say of a run.

use clap::Args;
use muscall::OnExisting;

use crate::number::{positive, whole};

/// Settings of the recipe, and what happens to a run that is there.
#[derive(Debug, Args)]
pub struct RunSettings {
    /// Passes over the training rows, in place of the recipe's.
    #[arg(long, allow_negative_numbers = true, value_parser = whole(1_u64, 1_000_000))]
    epochs: Option<u64>,
    /// Tracks per batch, in place of the recipe's.
    #[arg(long, allow_negative_numbers = true, value_parser = whole(2_u64, 1_000_000))]
    batch_size: Option<u64>,
    /// Largest learning rate, in place of the recipe's.
    #[arg(long, allow_negative_numbers = true, value_parser = positive(1000.0))]
    learning_rate: Option<f64>,
    /// Override a setting of the recipe, such as model.clip_s=10; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Continue from the last checkpoint in --out.
    #[arg(long, conflicts_with = "replace")]
    pub(super) resume: bool,
    /// Remove the run in --out and start over.
    #[arg(long)]
    replace: bool,
}

impl RunSettings {
    /// What `--set` and the flags for single settings say, the flags last.
    pub(super) fn of_recipe(&self) -> Vec<String> {
        let mut settings = self.settings.clone();
        settings.extend(self.epochs.map(|epochs| format!("epochs={epochs}")));
        settings.extend(self.batch_size.map(|size| format!("batch_size={size}")));
        // With a point or an exponent, which TOML needs to see a number with a fraction.
        settings.extend(self.learning_rate.map(|rate| format!("learning_rate={rate:e}")));
        settings
    }

    /// What to do about a run in --out.
    pub(super) fn on_existing(&self) -> OnExisting {
        match (self.resume, self.replace) {
            (true, _) => OnExisting::Resume,
            (_, true) => OnExisting::Replace,
            _ => OnExisting::Refuse,
        }
    }
}
