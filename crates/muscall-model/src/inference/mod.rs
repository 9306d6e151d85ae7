//! The encoders for inference on a CPU: batch norms folded into convolutions, weights in the order
//! of the kernels, one clip or one caption a thread.
//!
//! Parameters are those of the network in burn, which stays the reference and the path of other
//! devices; tests compare the two.

mod attention_pool;
mod head;
mod resnet;
mod transformer;
mod weights;

use burn::tensor::Device;
use muscall_kernels::{Level, Linear};
use rayon::prelude::*;

use self::attention_pool::FoldedAttentionPool;
use self::head::PackedHead;
use self::resnet::FoldedResNet;
use self::transformer::PackedTransformer;
use self::weights::Weights;
use crate::audio::{Pooling, ResNetConfig};
use crate::text::TransformerConfig;
use crate::weights::state_of;
use crate::{DualEncoder, MuscallConfig};

/// What there are kernels for.
#[derive(Debug)]
pub(crate) struct PackedEncoders {
    pub(crate) audio: Option<PackedAudio>,
    pub(crate) text: Option<PackedText>,
}

impl PackedEncoders {
    /// Nothing on devices other than the CPU, and for encoders without kernels.
    pub(crate) fn new(config: &MuscallConfig, model: &DualEncoder, device: &Device) -> Self {
        if !crate::is_cpu(device) {
            return Self { audio: None, text: None };
        }
        let state = state_of(model);
        let weights = Weights::new(&state, Level::best());
        Self { audio: PackedAudio::new(config, &weights), text: PackedText::new(config, &weights) }
    }
}

#[derive(Debug)]
enum Pool {
    Attention(FoldedAttentionPool),
    Average(Linear),
}

/// The residual network, its pooling and projection.
#[derive(Debug)]
pub(crate) struct PackedAudio {
    resnet: FoldedResNet,
    pool: Pool,
    projection: Option<PackedHead>,
}

impl PackedAudio {
    fn new(config: &MuscallConfig, weights: &Weights<'_>) -> Option<Self> {
        let audio: &ResNetConfig = config.audio.downcast_ref()?;
        let frames = config.log_mel.frames(config.clip_samples());
        let pool = match audio.pooling {
            Pooling::Attention => {
                Pool::Attention(FoldedAttentionPool::new(weights, "audio.pool", [config.log_mel.n_mels, frames]))
            }
            Pooling::Average => Pool::Average(weights.linear("audio.pool")),
        };
        let projection = config.project.then(|| PackedHead::new(config.head, weights, "audio_projection"));
        Some(Self { resnet: FoldedResNet::new(weights, "audio.resnet"), pool, projection })
    }

    /// # Shapes
    /// - each mel: `[n_mels, frames]`; returns `[clips, projection_dim]`, unit norm.
    pub(crate) fn embed(&self, mels: &[&[f32]], n_mels: usize) -> Vec<f32> {
        let embed = |mel: &&[f32]| {
            let pooled = self.resnet.run(mel, [n_mels, mel.len() / n_mels], |features| match &self.pool {
                Pool::Attention(pool) => pool.run(features),
                Pool::Average(linear) => {
                    let [_, height, width, channels] = features.dims();
                    let mut mean = vec![0.0; channels];
                    for pixel in features.to_vec().chunks_exact(channels) {
                        mean.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += x);
                    }
                    mean.iter_mut().for_each(|x| *x /= (height * width) as f32);
                    linear.run(&mean, None)
                }
            });
            normalised(match &self.projection {
                Some(projection) => projection.run(&pooled),
                None => pooled,
            })
        };
        mels.par_iter().flat_map_iter(embed).collect()
    }
}

/// The Transformer and its projection.
#[derive(Debug)]
pub(crate) struct PackedText {
    transformer: PackedTransformer,
    projection: Option<PackedHead>,
}

impl PackedText {
    fn new(config: &MuscallConfig, weights: &Weights<'_>) -> Option<Self> {
        let text: &TransformerConfig = config.text.downcast_ref()?;
        let projection = config.project.then(|| PackedHead::new(config.head, weights, "text_projection"));
        Some(Self { transformer: PackedTransformer::new(weights, "text", text), projection })
    }

    /// # Shapes
    /// - captions: token ids, each with its end token; returns `[captions, projection_dim]`, unit
    ///   norm.
    pub(crate) fn embed(&self, captions: &[Vec<u32>]) -> Vec<f32> {
        let states = self.transformer.run(captions);
        let (projected, dim) = match &self.projection {
            Some(projection) => (projection.run(&states), projection.outputs()),
            None => (states, self.transformer.width()),
        };
        projected.chunks_exact(dim).flat_map(|row| normalised(row.to_vec())).collect()
    }
}

fn normalised(mut x: Vec<f32>) -> Vec<f32> {
    let norm = x.iter().map(|x| x * x).sum::<f32>().sqrt();
    x.iter_mut().for_each(|x| *x /= norm);
    x
}
