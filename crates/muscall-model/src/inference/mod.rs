//! The encoders for inference on a CPU: batch norms folded into convolutions, weights in the order
//! of the kernels, one clip or one caption a thread.
//!
//! Parameters are those of the network in burn, which stays the reference and the path of other
//! devices; tests compare the two.

mod attention_pool;
#[cfg(feature = "sentence")]
mod bert;
mod head;
mod htsat;
mod pooled_resnet;
mod resnet;
mod rows;
mod transformer;
mod weights;

use std::sync::OnceLock;

use burn::tensor::Device;
use muscall_kernels::Level;
use rayon::prelude::*;

#[cfg(feature = "sentence")]
use self::bert::PackedBert;
use self::head::PackedHead;
use self::htsat::PackedHtsat;
use self::pooled_resnet::PooledResNet;
use self::transformer::PackedTransformer;
use self::weights::Weights;
use crate::audio::ResNetConfig;
#[cfg(feature = "sentence")]
use crate::text::SentenceTowerConfig;
use crate::text::TransformerConfig;
use crate::weights::state_where;
use crate::{DualEncoder, MuscallConfig};

/// What there are kernels for. Each encoder is packed when it first embeds something: who only searches needs no room
/// for the audio side.
#[derive(Debug, Default)]
pub(crate) struct PackedEncoders {
    audio: OnceLock<Option<PackedAudio>>,
    text: OnceLock<Option<PackedText>>,
}

impl PackedEncoders {
    /// Nothing on devices other than the CPU, and for encoders without kernels.
    pub(crate) fn audio(&self, config: &MuscallConfig, model: &DualEncoder, device: &Device) -> Option<&PackedAudio> {
        let pack = || with_weights(model, "audio", device, |weights| PackedAudio::new(config, weights));
        self.audio.get_or_init(pack).as_ref()
    }

    /// The same.
    pub(crate) fn text(&self, config: &MuscallConfig, model: &DualEncoder, device: &Device) -> Option<&PackedText> {
        let pack = || with_weights(model, "text", device, |weights| PackedText::new(config, weights));
        self.text.get_or_init(pack).as_ref()
    }
}

/// Packs the tensors of one tower, whose names begin with its own.
fn with_weights<T>(
    model: &DualEncoder,
    tower: &str,
    device: &Device,
    pack: impl FnOnce(&Weights<'_>) -> Option<T>,
) -> Option<T> {
    let state = crate::is_cpu(device).then(|| state_where(model, |name| name.starts_with(tower)))?;
    pack(&Weights::new(&state, Level::best()))
}

/// An audio encoder and its head.
#[derive(Debug)]
pub(crate) struct PackedAudio {
    encoder: AudioNetwork,
    head: Option<PackedHead>,
}

// There is one of these in a model.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
enum AudioNetwork {
    ResNet(PooledResNet),
    Htsat(PackedHtsat),
}

impl PackedAudio {
    fn new(config: &MuscallConfig, weights: &Weights<'_>) -> Option<Self> {
        let encoder = if let Some(audio) = config.audio.downcast_ref::<ResNetConfig>() {
            let frames = config.log_mel.frames(config.clip_samples());
            AudioNetwork::ResNet(PooledResNet::new(weights, "audio", audio, [config.log_mel.n_mels, frames]))
        } else {
            AudioNetwork::Htsat(PackedHtsat::new(weights, "audio", config.audio.downcast_ref()?))
        };
        let head = config.project.then(|| PackedHead::new(config.head, weights, "audio_projection"));
        Some(Self { encoder, head })
    }

    /// # Shapes
    /// - each mel: `[n_mels, frames]`; returns `[clips, projection_dim]`, unit norm.
    pub(crate) fn embed(&self, mels: &[&[f32]], n_mels: usize) -> Vec<f32> {
        let embed = |mel: &&[f32]| {
            let pooled = match &self.encoder {
                AudioNetwork::ResNet(network) => network.run(mel, n_mels),
                AudioNetwork::Htsat(network) => network.run(mel),
            };
            normalised(match &self.head {
                Some(head) => head.run(&pooled),
                None => pooled,
            })
        };
        mels.par_iter().flat_map_iter(embed).collect()
    }
}

/// A text encoder and its head.
#[derive(Debug)]
pub(crate) struct PackedText {
    encoder: TextNetwork,
    head: Option<PackedHead>,
}

// There is one of these in a model.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
enum TextNetwork {
    Transformer(PackedTransformer),
    #[cfg(feature = "sentence")]
    Bert(PackedBert),
}

impl PackedText {
    fn new(config: &MuscallConfig, weights: &Weights<'_>) -> Option<Self> {
        let head = config.project.then(|| PackedHead::new(config.head, weights, "text_projection"));
        if let Some(text) = config.text.downcast_ref::<TransformerConfig>() {
            let encoder = TextNetwork::Transformer(PackedTransformer::new(weights, "text", text));
            return Some(Self { encoder, head });
        }
        #[cfg(feature = "sentence")]
        if let Some(text) = config.text.downcast_ref::<SentenceTowerConfig>()
            && text.fine_tune
            && text.hidden.is_none()
        {
            let encoder = TextNetwork::Bert(PackedBert::new(weights, "text.encoder", &text.encoder));
            return Some(Self { encoder, head });
        }
        None
    }

    /// # Shapes
    /// - captions: token ids, each with its end token; returns `[captions, projection_dim]`, unit
    ///   norm.
    pub(crate) fn embed(&self, captions: &[Vec<u32>]) -> Vec<f32> {
        let (states, width) = match &self.encoder {
            TextNetwork::Transformer(network) => (network.run(captions), network.width()),
            #[cfg(feature = "sentence")]
            TextNetwork::Bert(network) => (network.run(captions), network.width()),
        };
        let (projected, dim) = match &self.head {
            Some(head) => (head.run(&states), head.outputs()),
            None => (states, width),
        };
        projected.chunks_exact(dim).flat_map(|row| normalised(row.to_vec())).collect()
    }
}

fn normalised(mut x: Vec<f32>) -> Vec<f32> {
    let norm = x.iter().map(|x| x * x).sum::<f32>().sqrt();
    x.iter_mut().for_each(|x| *x /= norm);
    x
}
