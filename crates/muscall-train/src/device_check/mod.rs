//! Whether a device agrees with the CPU: activations, embeddings, loss, gradients and some steps.

mod difference;
mod parts;
mod quantity;
mod report;
mod tolerance;

use burn::tensor::{Device, TensorData};
use muscall_model::weights::StateDict;
use muscall_model::{MuscallConfig, Precision};

use crate::TrainError;
use crate::batcher::LoadedItem;
use crate::draws;
use crate::gradient::GradientDict;
use crate::loss_scale::LossScale;
use crate::optimizer::AdamW;
use crate::recipe::Recipe;
use crate::step::{CaptionSource, StepContext, StepGradients};
use crate::trainee::Trainee;

use difference::{cosine_distance, relative};
use parts::Parts;
pub use quantity::Quantity;
pub use report::{DeviceReport, Difference};
pub use tolerance::{Numbers, Tolerance};

const ORIGIN: &str = "weights of the comparison";
/// Gain of the last norm of each residual branch. With zero, as at the start of training, no gradient gets
/// into the branches; with one, rounding multiplies from block to block until gradients have nothing in common.
const GAIN: f32 = 0.1;

/// A comparison of a device with another one, which is right.
///
/// Both start from the same weights and see the same batches, without dropout. The other one computes in
/// 32 bits.
#[derive(Clone, Copy)]
pub struct DeviceCheck<'a> {
    /// Model, loss, optimizer and precision.
    recipe: &'a Recipe,
    /// Of the model.
    captions: &'a dyn CaptionSource,
    /// Weights of model and heads. If there are none, they are random, with residual branches that are
    /// small: gradients of other weights are chaotic, and differ in all but 32 bits.
    weights: Option<&'a StateDict>,
    /// What is checked.
    device: &'a Device,
    /// What is right.
    reference: &'a Device,
    /// Optimizer steps after the comparison of the first batch.
    steps: usize,
}

/// One of the two.
struct Side<'a> {
    recipe: Recipe,
    captions: &'a dyn CaptionSource,
    device: Device,
    trainee: Trainee,
    optimizer: AdamW,
    loss_scale: Option<LossScale>,
}

impl<'a> DeviceCheck<'a> {
    /// With random weights and twenty steps.
    pub fn new(recipe: &'a Recipe, captions: &'a dyn CaptionSource, device: &'a Device, reference: &'a Device) -> Self {
        Self { recipe, captions, weights: None, device, reference, steps: 20 }
    }

    /// Replaces the weights.
    #[must_use]
    pub fn with_weights(mut self, weights: Option<&'a StateDict>) -> Self {
        self.weights = weights;
        self
    }

    /// Replaces how many steps are taken.
    #[must_use]
    pub fn with_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// Compares on some batches of at least two items; steps take them in turn.
    ///
    /// # Errors
    /// [`TrainError::Model`] if the recipe's model is not valid or the weights are not its.
    /// # Panics
    /// Without batches.
    pub fn run(&self, batches: &[Vec<LoadedItem>]) -> Result<DeviceReport, TrainError> {
        let precision = self.recipe.precision;
        let mut right = self.side(self.reference, Precision::F32)?;
        // Where nothing is given, random weights are drawn once.
        let weights = self.weights.cloned().unwrap_or_else(|| damped(&self.recipe.model, right.trainee.state()));
        right.trainee = right.trainee.with_state(weights.clone(), ORIGIN)?;
        let mut found = self.side(self.device, precision)?;
        found.trainee = found.trainee.with_state(weights, ORIGIN)?;

        let numbers = Numbers::of(precision, self.device);
        let mut report = DeviceReport::new(format!("{:?}", self.device), numbers);
        let first = &batches[0];
        let (found_parts, right_parts) = (found.parts(first), right.parts(first));
        report.add_all(Quantity::Activation, found_parts.compare_outputs(&right_parts));
        report.add_all(Quantity::Gradient, found_parts.compare_gradients(&right_parts));

        let mut first_loss = f64::NAN;
        for step in 0..=self.steps {
            let batch = &batches[step % batches.len()];
            let [one, other] = [&mut found, &mut right].map(|side| side.gradients(batch, step));
            if step == 0 {
                first_loss = other.loss.total;
                let dim = self.recipe.model.projection_dim;
                report.add(Quantity::Embedding, "audio", cosine_distance(&one.audio, &other.audio, dim));
                report.add(Quantity::Embedding, "text", cosine_distance(&one.text, &other.text, dim));
                report.add(Quantity::Loss, "first batch", relative(one.loss.total, other.loss.total));
                let norms = relative(one.gradients.norm(), other.gradients.norm());
                report.add(Quantity::GradientNorm, "first batch", norms);
            } else {
                let name = format!("step {step}");
                // Of the first loss: the last ones may be next to nothing.
                let apart = (one.loss.total - other.loss.total).abs() / first_loss.abs();
                report.add(Quantity::TrainedLoss, name, apart);
            }
            if step < self.steps {
                found.update(&one.gradients);
                right.update(&other.gradients);
            }
        }
        Ok(report)
    }

    fn side(&self, device: &Device, precision: Precision) -> Result<Side<'_>, TrainError> {
        let model = self.recipe.model.clone().without_dropout();
        let recipe = Recipe { model, precision, ..self.recipe.clone() };
        let device = device.clone().autodiff();
        let trainee = {
            let _draws = draws::seeded(&device, recipe.seed);
            Trainee::new(&recipe, &device)?
        };
        let optimizer = recipe.optimizer.init();
        let loss_scale = LossScale::of(precision);
        Ok(Side { recipe, captions: self.captions, device, trainee, optimizer, loss_scale })
    }
}

impl Side<'_> {
    fn context(&self, step: usize) -> StepContext<'_> {
        let loss_scale = self.loss_scale.map_or(1.0, |scale| scale.factor());
        StepContext {
            recipe: &self.recipe,
            captions: self.captions,
            device: &self.device,
            seed: step as u64,
            loss_scale,
        }
    }

    fn gradients(&mut self, items: &[LoadedItem], step: usize) -> StepGradients {
        // The context borrows the side, and the trainee is its own.
        let mut trainee = self.trainee.clone();
        loop {
            let found = self.context(step).gradients(&mut trainee, items);
            // In a run a step with an overflow is left out, and the next one has a smaller factor.
            let is_too_large = found.loss.total.is_finite() && !found.gradients.norm().is_finite();
            if !(is_too_large && self.loss_scale.as_mut().is_some_and(LossScale::shrink)) {
                return found;
            }
        }
    }

    fn parts(&self, items: &[LoadedItem]) -> Parts {
        Parts::of(&self.trainee, self.context(0).on_device(items), self.recipe.precision)
    }

    fn update(&mut self, gradients: &GradientDict) {
        let learning_rate = self.recipe.learning_rate;
        let rate = move |_: &str| learning_rate;
        let mut update = self.optimizer.step(gradients, &rate);
        self.trainee.model = update.apply(self.trainee.model.clone());
        self.trainee.heads = update.apply(self.trainee.heads.clone());
    }
}

/// Weights with small residual branches.
fn damped(model: &MuscallConfig, mut state: StateDict) -> StateDict {
    for (_, data) in state.iter_mut().filter(|(name, _)| model.is_residual_gain(name)) {
        *data = TensorData::new(vec![GAIN; data.shape().num_elements()], data.shape().clone());
    }
    state
}
