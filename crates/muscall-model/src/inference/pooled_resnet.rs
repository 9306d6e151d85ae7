//! The residual network and what pools its last feature map.

use muscall_kernels::Linear;

use super::attention_pool::FoldedAttentionPool;
use super::resnet::FoldedResNet;
use super::weights::Weights;
use crate::audio::{Pooling, ResNetConfig};

/// See [`ResNetConfig`].
#[derive(Debug)]
pub(super) struct PooledResNet {
    resnet: FoldedResNet,
    pool: Pool,
}

#[derive(Debug)]
enum Pool {
    Attention(FoldedAttentionPool),
    Average(Linear),
}

impl PooledResNet {
    /// For spectrograms of a size in training, bands and frames.
    pub(super) fn new(weights: &Weights<'_>, name: &str, config: &ResNetConfig, size: [usize; 2]) -> Self {
        let pool = format!("{name}.pool");
        let pool = match config.pooling {
            Pooling::Attention => Pool::Attention(FoldedAttentionPool::new(weights, &pool, size)),
            Pooling::Average => Pool::Average(weights.linear(&pool)),
        };
        Self { resnet: FoldedResNet::new(weights, &format!("{name}.resnet")), pool }
    }

    /// # Shapes
    /// - mel: `[n_mels, frames]`; returns `[hidden]`.
    pub(super) fn run(&self, mel: &[f32], n_mels: usize) -> Vec<f32> {
        self.resnet.run(mel, [n_mels, mel.len() / n_mels], |features| match &self.pool {
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
        })
    }
}
