//! A loss of your own: each pair is pulled together, and the batch is pushed apart, with a balance that is learned.
//!
//! `cargo run --release --example own_loss` trains with it on the music of `demo/`.
#![allow(clippy::print_stdout)]

use std::ops::ControlFlow;
use std::path::Path;

use burn::tensor::Tensor;
use muscall::train::loss::{PairBatch, PairLoss};
use muscall::{Device, Event, Learner, Manifest, MuscallConfig, OnExisting, Recipe, Split, TrainError};
use serde::{Deserialize, Serialize};

/// In a recipe: `loss = { kind = "align_and_spread", spread = 2.0 }`.
///
/// # Source
/// Wang and Isola 2020, "Understanding contrastive representation learning through alignment and uniformity".
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AlignAndSpread {
    spread: f64,
}

#[typetag::serde(name = "align_and_spread")]
impl PairLoss for AlignAndSpread {
    fn validate(&self) -> Result<(), TrainError> {
        TrainError::check(self.spread > 0.0, "loss.spread", self.spread, "positive")
    }

    fn forward(&self, batch: &PairBatch, _seed: u64) -> Tensor<1> {
        let captions = batch.captions();
        let own = batch.audio.clone().select(0, batch.owner_indices()); // [captions, dim]
        let apart = (own - batch.text.clone()).square().sum() * (1.0 / captions as f64);
        let spread = |x: &Tensor<2>| {
            let cosines = x.clone().matmul(x.clone().transpose());
            ((cosines - 1.0) * (2.0 * self.spread)).exp().mean().log()
        };
        // exp keeps the learned balance positive; without the last term it would go to zero.
        let balance = batch.parameter("log_balance");
        apart + (spread(&batch.audio) + spread(&batch.text)) * balance.clone().exp() + balance.square()
    }

    fn parameters(&self) -> Vec<(&'static str, f32)> {
        vec![("log_balance", 0.0)]
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let recipe = Recipe {
        epochs: 10,
        batch_size: 16,
        learning_rate: 1e-3,
        loss: AlignAndSpread { spread: 2.0 }.into(),
        ..Recipe::new(MuscallConfig::tiny().with_clip_s(3.0))
    };
    let manifest = Manifest::read(Path::new("demo/manifest.jsonl"), Split::Train)?;
    let learner = Learner::new(recipe, "runs/own_loss", &Device::default())?.with_on_existing(OnExisting::Replace);
    learner.fit(manifest, None, &mut |event| {
        if let Event::Step(step) = event {
            println!("step {}: {:.3}", step.step, step.loss);
        }
        ControlFlow::Continue(())
    })?;
    Ok(())
}
