//! From a batch to gradients: directly, or in parts that give the same at less memory.

mod loss_and_embeddings;
mod losses;
mod outputs;

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use muscall_model::weights::{running_statistics, with_running_statistics};
use muscall_model::{AudioBatch, TextFrontend};

use crate::batcher::LoadedItem;
use crate::dataset::item_seed;
use crate::distributed::SharedNorms;
use crate::draws;
use crate::gradient::GradientDict;
use crate::loss::{PairBatch, nt_xent};
use crate::recipe::Recipe;
use crate::trainee::{DevicePart, Outputs, Trainee};

pub(crate) use loss_and_embeddings::LossAndEmbeddings;
pub use losses::LossValues;
pub(crate) use outputs::HostOutputs;

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

    /// Takes the loss scale out of gradients.
    pub(crate) fn unscale(&self, gradients: &mut GradientDict) {
        if self.loss_scale != 1.0 {
            gradients.scale((1.0 / self.loss_scale) as f32);
        }
    }

    fn direct(&self, trainee: &Trainee, part: Part<'_>, text: &BatchText<'_>) -> (GradientDict, LossAndEmbeddings) {
        let outputs = self.forward(trainee, part, None);
        let (audio, text_rows) = (outputs.audio.clone().inner(), outputs.text.clone().inner());
        let (loss, losses) = self.loss(trainee, outputs, text);
        let mut all = self.scaled(loss).backward();
        let mut gradients = GradientDict::default();
        gradients.collect(&trainee.model, &mut all);
        gradients.collect(&trainee.heads, &mut all);
        self.unscale(&mut gradients);
        (gradients, LossAndEmbeddings::Unread { losses, audio, text: text_rows })
    }

    /// The embeddings of parts. Of one part alone the graph is kept as well, so that it goes through the network
    /// once; of several it would be as large as that of the whole batch.
    pub(crate) fn embed_parts(
        &self,
        trainee: &mut Trainee,
        parts: &[Option<Part<'_>>],
        norms: Option<&Arc<SharedNorms>>,
    ) -> (HostOutputs, Option<Outputs>) {
        if let [part] = parts {
            let outputs = self.round(trainee, *part, norms);
            return (HostOutputs::read(self.recipe, outputs.as_slice()), outputs);
        }
        // The second pass moves the running statistics; the first must not move them too.
        let running = running_statistics(&trainee.model);
        // burn keeps a graph until its backward pass: the first pass must not make one.
        let without_graph = trainee.clone().no_grad();
        let outputs: Vec<_> = parts.iter().filter_map(|part| self.round(&without_graph, *part, norms)).collect();
        drop(without_graph);
        trainee.model = with_running_statistics(trainee.model.clone(), running);
        (HostOutputs::read(self.recipe, &outputs), None)
    }

    /// The loss over all embeddings of a batch, and its gradients by parameters of its own and by the embeddings; none
    /// of them if the loss is not finite.
    pub(crate) fn loss_gradients(
        &self,
        trainee: &Trainee,
        whole: &HostOutputs,
        text: &BatchText<'_>,
    ) -> (LossValues, GradientDict, Option<EmbeddingGradients>) {
        let leaves = whole.leaves(self.device);
        let (total, losses) = self.loss(trainee, leaves.clone(), text);
        let mut parameters = GradientDict::default();
        let loss = LossValues::read(losses);
        if !loss.total.is_finite() {
            return (loss, parameters, None);
        }
        let mut all = self.scaled(total).backward();
        // Temperature and offset are in the loss itself.
        parameters.collect(&trainee.model, &mut all);
        parameters.collect(&trainee.heads, &mut all);
        let gradient = |leaf: &Tensor<2>| leaf.grad(&all).map(|gradient| gradient.into_data());
        let by_embeddings = EmbeddingGradients {
            audio: gradient(&leaves.audio),
            text: gradient(&leaves.text),
            views: leaves.views.as_ref().map(|views| [gradient(&views[0]), gradient(&views[1])]),
        };
        (loss, parameters, Some(by_embeddings))
    }

    /// What the network's parameters get from the gradients by embeddings. The first of the parts' tracks
    /// and the first of their captions are at `start` in the batch.
    pub(crate) fn back_through_parts(
        &self,
        trainee: &Trainee,
        parts: &[Option<Part<'_>>],
        mut graph: Option<Outputs>,
        by_embeddings: &EmbeddingGradients,
        [mut track, mut caption]: [usize; 2],
        norms: Option<&Arc<SharedNorms>>,
    ) -> GradientDict {
        let mut gradients = GradientDict::default();
        for part in parts {
            // One part has kept its graph.
            let outputs = if parts.len() == 1 { graph.take() } else { self.round(trainee, *part, norms) };
            let Some(outputs) = outputs else {
                norms.into_iter().for_each(|norms| norms.attend());
                continue;
            };
            let share = |output: &Tensor<2>, gradient: &Option<TensorData>, start: usize| {
                let gradient = gradient.clone()?;
                let gradient = Tensor::<2>::from_data(gradient, self.device);
                let rows = output.dims()[0];
                Some((output.clone() * gradient.narrow(0, start, rows)).sum())
            };
            let mut terms = vec![
                share(&outputs.audio, &by_embeddings.audio, track),
                share(&outputs.text, &by_embeddings.text, caption),
            ];
            if let Some((views, gradients)) = outputs.views.as_ref().zip(by_embeddings.views.as_ref()) {
                terms.extend([share(&views[0], &gradients[0], track), share(&views[1], &gradients[1], track)]);
            }
            track += outputs.audio.dims()[0];
            caption += outputs.text.dims()[0];
            let Some(surrogate) = terms.into_iter().flatten().reduce(|a, b| a + b) else {
                continue;
            };
            let mut all = match norms {
                None => surrogate.backward(),
                Some(norms) => norms.pass(|| surrogate.backward()),
            };
            gradients.collect(&trainee.model, &mut all);
            gradients.collect(&trainee.heads, &mut all);
        }
        gradients
    }

    /// A part through the network, or nothing while those of other ranks go through theirs.
    fn round(&self, trainee: &Trainee, part: Option<Part<'_>>, norms: Option<&Arc<SharedNorms>>) -> Option<Outputs> {
        match (part, norms) {
            (Some(part), _) => Some(self.forward(trainee, part, norms)),
            (None, Some(norms)) => {
                norms.attend();
                None
            }
            (None, None) => None,
        }
    }

    /// A part of the batch through the network. Dropout is a function of step and part, so that
    /// both passes see the same, and ranks what one alone would.
    fn forward(
        &self,
        trainee: &Trainee,
        Part { number, items }: Part<'_>,
        norms: Option<&Arc<SharedNorms>>,
    ) -> Outputs {
        let part = self.on_device(items);
        let draws = draws::seeded(self.device, item_seed(self.seed, u64::MAX, number as u64));
        let Some(norms) = norms else {
            return trainee.forward(part);
        };
        let text = trainee.model.embed_text(part.text);
        // Other ranks of this process draw too, before their audio; no audio encoder draws with shared norms.
        drop(draws);
        let (audio, views) = norms.pass(|| {
            let audio = trainee.model.embed_audio(part.audio);
            (audio, part.views.and_then(|views| trainee.embed_views(views)))
        });
        Outputs { audio, text, views }
    }

    /// What the network reads of items.
    pub(crate) fn on_device(&self, items: &[LoadedItem]) -> DevicePart {
        let bands = self.recipe.model.log_mel.n_mels;
        let mels = |mels: Vec<&[f32]>| {
            let (clips, frames) = (mels.len(), mels[0].len() / bands);
            Tensor::<3>::from_data(TensorData::new(mels.concat(), [clips, bands, frames]), self.device)
        };
        let view = |which: usize| items.iter().filter_map(move |item| Some(item.views.as_ref()?[which].as_slice()));
        let views: Vec<&[f32]> = view(0).chain(view(1)).collect();
        let captions: Vec<&str> = items.iter().flat_map(|item| &item.captions).map(String::as_str).collect();
        DevicePart {
            audio: AudioBatch {
                mel: mels(items.iter().map(|item| item.mel.as_slice()).collect()),
                valid_frames: Some(items.iter().map(|item| item.valid_frames).collect()),
            },
            text: self.captions.frontend().batch(&captions, self.device),
            views: (!views.is_empty()).then(|| mels(views)),
        }
    }

    fn scaled(&self, total: Tensor<1>) -> Tensor<1> {
        if self.loss_scale == 1.0 { total } else { total * self.loss_scale }
    }

    /// What is minimised, `[1]`, and what [`LossValues`] are read from, outside of the graph.
    fn loss(&self, trainee: &Trainee, outputs: Outputs, text: &BatchText<'_>) -> (Tensor<1>, Tensor<1>) {
        let batch = PairBatch {
            audio: outputs.audio,
            text: outputs.text,
            owners: text.owners.clone(),
            scale: trainee.model.scale(),
            parameters: trainee.heads.loss_parameters(),
            similarity: self.captions.similarity(&text.captions),
        };
        let pairs = self.recipe.loss.forward(&batch, self.seed);
        let Some((ssl, [first, second])) = self.recipe.ssl.as_ref().zip(outputs.views) else {
            return (pairs.clone(), LossValues::together([pairs.clone(), pairs]));
        };
        let views = nt_xent(first, second, ssl.temperature);
        let total = views.clone() * ssl.weight + pairs.clone() * (1.0 - ssl.weight);
        (total.clone(), LossValues::together([total, pairs, views]))
    }
}

/// Items that go through the network together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    /// In the batch, other ranks' parts included.
    pub(crate) number: usize,
    pub(crate) items: &'a [LoadedItem],
}

/// The captions of a batch, and the track of each.
#[derive(Debug, Clone)]
pub(crate) struct BatchText<'a> {
    captions: Vec<&'a str>,
    owners: Vec<usize>,
}

impl<'a> BatchText<'a> {
    /// From the captions of each track.
    pub(crate) fn new(tracks: impl Iterator<Item = &'a [String]>) -> Self {
        let pairs = tracks.enumerate().flat_map(|(track, captions)| captions.iter().map(move |c| (c.as_str(), track)));
        let (captions, owners) = pairs.unzip();
        Self { captions, owners }
    }
}

/// Gradients of the loss by the embeddings of a batch, a row each.
pub(crate) struct EmbeddingGradients {
    audio: Option<TensorData>,
    text: Option<TensorData>,
    views: Option<[Option<TensorData>; 2]>,
}
