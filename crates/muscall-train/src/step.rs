//! From a batch to gradients: directly, or in parts that give the same at less memory.

mod forward;
mod gradient_cache;
mod loss_and_embeddings;
mod losses;
mod outputs;
mod part;

use burn::tensor::Device;
use muscall_model::{AudioBatch, TextBatch, TextFrontend};

use crate::batcher::LoadedItem;
use crate::gradient::GradientDict;
use crate::known::Input;
use crate::recipe::Recipe;
use crate::trainee::Trainee;

pub(crate) use loss_and_embeddings::LossAndEmbeddings;
pub use losses::LossValues;
pub(crate) use outputs::{HostOutputs, values as host};
pub(crate) use part::{BatchText, Part};

/// What comes of a batch.
#[derive(Debug, Default)]
pub struct StepGradients {
    /// Of all parameters.
    pub gradients: GradientDict,
    /// At the weights before the step.
    pub loss: LossValues,
    /// Audio embeddings, `[tracks, dim]`.
    pub audio: Vec<f32>,
    /// Text embeddings, `[captions, dim]`.
    pub text: Vec<f32>,
}

impl From<(GradientDict, LossAndEmbeddings)> for StepGradients {
    /// Waits for all of it.
    fn from((gradients, found): (GradientDict, LossAndEmbeddings)) -> Self {
        let (loss, [audio, text]) = found.read();
        Self { gradients, loss, audio, text }
    }
}

impl StepGradients {
    /// Adds another batch's; embeddings stay those of the first.
    pub(crate) fn add(&mut self, other: Self) {
        self.gradients.add_all(other.gradients);
        self.loss.total += other.loss.total;
        self.loss.pairs += other.loss.pairs;
        self.loss.ssl = self.loss.ssl.zip(other.loss.ssl).map(|(a, b)| a + b);
    }

    /// From a sum to a mean.
    pub(crate) fn divide(&mut self, count: f64) {
        if count > 1.0 {
            self.gradients.scale((1.0 / count) as f32);
            self.loss.total /= count;
            self.loss.pairs /= count;
            self.loss.ssl = self.loss.ssl.map(|loss| loss / count);
        }
    }
}

/// Captions to what the model and the loss need of them.
pub trait CaptionSource {
    /// What the text encoder reads.
    fn frontend(&self) -> &TextFrontend;

    /// Similarity of meaning, `[captions, captions]`, if the loss is weighted by it.
    fn similarity(&self, captions: &[&str]) -> Option<Vec<f32>>;

    /// What clips of a batch are made of, if not of themselves: see [`Input`].
    fn known_audio(&self, _items: &[LoadedItem], _device: &Device) -> Option<Input<AudioBatch>> {
        None
    }

    /// What captions of a batch are made of, if not of themselves.
    fn known_text(&self, _items: &[LoadedItem], _device: &Device) -> Option<Input<TextBatch>> {
        None
    }
}

impl CaptionSource for TextFrontend {
    fn frontend(&self) -> &TextFrontend {
        self
    }

    fn similarity(&self, _: &[&str]) -> Option<Vec<f32>> {
        None
    }
}

/// How batches become gradients.
pub struct StepContext<'a> {
    /// Loss, self-supervision and size of parts.
    pub recipe: &'a Recipe,
    /// Of the model.
    pub captions: &'a dyn CaptionSource,
    /// With autodiff.
    pub device: &'a Device,
    /// Of the step: decides dropout and impostors.
    pub seed: u64,
    /// What the loss is multiplied with while gradients are computed; they come out without it.
    pub loss_scale: f64,
}

impl StepContext<'_> {
    /// The loss of a batch and its gradients. With `micro_batch`, embeddings are computed in
    /// parts and forgotten, the loss is taken over all of them, and each part is computed again to
    /// take its share of the gradient: *gradient caching*.
    ///
    /// # Source
    /// Gao et al. 2021, "Scaling deep contrastive learning batch size under memory limited setup".
    pub fn gradients(&self, trainee: &mut Trainee, items: &[LoadedItem]) -> StepGradients {
        let micro = self.recipe.micro_batch.unwrap_or(items.len()).max(1);
        let parts: Vec<_> = items.chunks(micro).enumerate().map(|(number, items)| Part { number, items }).collect();
        self.gradients_of_parts(trainee, &parts).into()
    }

    /// The same of parts that are cut already. Of one part alone nothing is waited for.
    pub(crate) fn gradients_of_parts(
        &self,
        trainee: &mut Trainee,
        parts: &[Part<'_>],
    ) -> (GradientDict, LossAndEmbeddings) {
        let text = BatchText::new(parts.iter().flat_map(|part| part.items).map(|item| item.captions.as_slice()));
        if let [part] = parts {
            return self.direct(trainee, *part, &text);
        }
        let parts: Vec<_> = parts.iter().copied().map(Some).collect();
        let (whole, graph) = self.embed_parts(trainee, &parts, None);
        let (loss, mut gradients, by_embeddings) = self.loss_gradients(trainee, &whole, &text);
        if let Some(by_embeddings) = &by_embeddings {
            gradients.add_all(self.back_through_parts(trainee, &parts, graph, by_embeddings, [0, 0], None));
        }
        self.unscale(&mut gradients);
        (gradients, LossAndEmbeddings::Read { loss, audio: whole.audio, text: whole.text })
    }
}
