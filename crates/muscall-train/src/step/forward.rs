//! A part through the network: items to tensors, to embeddings, to a loss, and back.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use muscall_model::AudioBatch;

use super::StepContext;
use super::loss_and_embeddings::LossAndEmbeddings;
use super::losses::LossValues;
use super::part::{BatchText, Part};
use crate::batcher::LoadedItem;
use crate::dataset::item_seed;
use crate::distributed::SharedNorms;
use crate::draws;
use crate::gradient::GradientDict;
use crate::known::Input;
use crate::loss::{PairBatch, nt_xent};
use crate::trainee::{DevicePart, Outputs, Trainee};

impl StepContext<'_> {
    /// A batch of one part: embeddings, loss and gradients, none of which is waited for.
    pub(super) fn direct(
        &self,
        trainee: &Trainee,
        part: Part<'_>,
        text: &BatchText<'_>,
    ) -> (GradientDict, LossAndEmbeddings) {
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

    /// A part of the batch through the network. Dropout is a function of step and part, so that
    /// both passes see the same, and ranks what one alone would.
    pub(super) fn forward(
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
        let text = trainee.embed_text(part.text);
        // Other ranks of this process draw too, before their audio; no audio encoder draws with shared norms.
        drop(draws);
        let (audio, views) = norms.pass(|| {
            let audio = trainee.embed_audio(part.audio);
            (audio, part.views.and_then(|views| trainee.embed_views(views)))
        });
        Outputs { audio, text, views }
    }

    /// What the network reads of items.
    pub(crate) fn on_device(&self, items: &[LoadedItem]) -> DevicePart {
        let (bands, learns) = (self.recipe.model.log_mel.n_mels, self.recipe.learns);
        // A tower that stays as it is works as in inference.
        let device = |learns: bool| if learns { self.device.clone() } else { self.device.clone().without_autodiff() };
        let mels = |mels: Vec<&[f32]>, device: &Device| {
            let (clips, frames) = (mels.len(), mels[0].len() / bands);
            Tensor::<3>::from_data(TensorData::new(mels.concat(), [clips, bands, frames]), device)
        };
        let view = |which: usize| items.iter().filter_map(move |item| Some(item.views.as_ref()?[which].as_slice()));
        let views: Vec<&[f32]> = view(0).chain(view(1)).collect();
        let captions: Vec<&str> = items.iter().flat_map(|item| &item.captions).map(String::as_str).collect();
        let clips = || {
            Input::Batch(AudioBatch {
                mel: mels(items.iter().map(|item| item.mel.as_slice()).collect(), &device(learns.trains_audio())),
                valid_frames: Some(items.iter().map(|item| item.valid_frames).collect()),
            })
        };
        let texts = || Input::Batch(self.captions.frontend().batch(&captions, &device(learns.trains_text())));
        DevicePart {
            audio: self.captions.known_audio(items, self.device).unwrap_or_else(clips),
            text: self.captions.known_text(items, self.device).unwrap_or_else(texts),
            views: (!views.is_empty()).then(|| mels(views, self.device)),
        }
    }

    pub(super) fn scaled(&self, total: Tensor<1>) -> Tensor<1> {
        if self.loss_scale == 1.0 { total } else { total * self.loss_scale }
    }

    /// What is minimised, `[1]`, and what [`LossValues`] are read from, outside of the graph.
    pub(super) fn loss(&self, trainee: &Trainee, outputs: Outputs, text: &BatchText<'_>) -> (Tensor<1>, Tensor<1>) {
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

    /// Takes the loss scale out of gradients.
    pub(crate) fn unscale(&self, gradients: &mut GradientDict) {
        if self.loss_scale != 1.0 {
            gradients.scale((1.0 / self.loss_scale) as f32);
        }
    }
}
