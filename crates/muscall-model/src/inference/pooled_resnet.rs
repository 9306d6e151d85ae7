//! The residual network and what pools its last feature map.

use muscall_kernels::Linear;

use super::attention_pool::FoldedAttentionPool;
use super::resnet::FoldedResNet;
use super::resnet_stream::ResNetStream;
use super::weights::{Axes, Weights};
use crate::audio::{Pooling, ResNet, ResNetConfig};

/// See [`ResNetConfig`].
#[derive(Debug)]
pub(super) struct PooledResNet {
    resnet: FoldedResNet,
    axes: Axes,
    pool: Pool,
}

#[derive(Debug)]
enum Pool {
    Attention(FoldedAttentionPool),
    Average(Linear),
}

impl PooledResNet {
    /// For spectrograms of a size in training, bands and frames.
    pub(super) fn new(weights: &Weights<'_>, name: &str, config: &ResNetConfig, size: [usize; 2], axes: Axes) -> Self {
        let pool = format!("{name}.pool");
        let pool = match config.pooling {
            Pooling::Attention => Pool::Attention(FoldedAttentionPool::new(weights, &pool, size)),
            Pooling::Average => Pool::Average(weights.linear(&pool)),
        };
        Self { resnet: FoldedResNet::new(weights, &format!("{name}.resnet"), axes), axes, pool }
    }

    /// # Shapes
    /// - mel: `[n_mels, frames]`; returns `[hidden]`.
    pub(super) fn run(&self, mel: &[f32], n_mels: usize) -> Vec<f32> {
        let frames = mel.len() / n_mels;
        match self.axes {
            Axes::BandsByTime => self.resnet.run(mel, [n_mels, frames], |map| {
                let [_, _, width, _] = map.dims();
                self.pool(&[map.to_vec()], width)
            }),
            Axes::TimeByBands => {
                let rows: Vec<f32> = (0..mel.len()).map(|at| mel[at % n_mels * frames + at / n_mels]).collect();
                let mut columns = Vec::new();
                self.stream(n_mels).push(&rows, true, &mut columns);
                let [height, width] = ResNet::output_size(n_mels, frames);
                self.pool_windows(&columns, height, &[0], width)
            }
        }
    }

    /// The last feature map of a recording, as its frames arrive.
    pub(super) fn stream(&self, n_mels: usize) -> ResNetStream<'_> {
        ResNetStream::new(&self.resnet, n_mels)
    }

    /// Of the last feature map.
    pub(super) fn channels(&self) -> usize {
        match &self.pool {
            Pool::Attention(pool) => pool.channels(),
            Pool::Average(linear) => linear.inputs(),
        }
    }

    /// Pools windows of the last feature map of a recording.
    ///
    /// # Shapes
    /// - columns: `[columns, height, channels]`; windows are `width` columns from each of `starts` on; returns
    ///   `[starts, hidden]`.
    pub(super) fn pool_windows(&self, columns: &[f32], height: usize, starts: &[usize], width: usize) -> Vec<f32> {
        let channels = self.channels();
        // The map of a window has a band's columns side by side.
        let window = |&start: &usize| {
            let pixel = |at: usize| &columns[((start + at % width) * height + at / width) * channels..][..channels];
            (0..height * width).flat_map(pixel).copied().collect()
        };
        self.pool(&starts.iter().map(window).collect::<Vec<_>>(), width)
    }

    /// # Shapes
    /// - maps: each `[height · width, channels]`; returns `[maps, hidden]`.
    fn pool(&self, maps: &[Vec<f32>], width: usize) -> Vec<f32> {
        match &self.pool {
            Pool::Attention(pool) => pool.run(maps, width),
            Pool::Average(linear) => {
                let channels = linear.inputs();
                let mut means = vec![0.0; maps.len() * channels];
                for (map, mean) in maps.iter().zip(means.chunks_exact_mut(channels)) {
                    for pixel in map.chunks_exact(channels) {
                        mean.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += x);
                    }
                    let count = (map.len() / channels) as f32;
                    mean.iter_mut().for_each(|x| *x /= count);
                }
                linear.run(&means, None)
            }
        }
    }
}
