//! Attention pooling without computing a key or a value.

use muscall_kernels::{FeatureMap, Level, Linear, read_out, weighted_sum};

use super::weights::Weights;
use crate::audio::{AttentionPool, ResNet};

/// See [`AttentionPool`].
///
/// There is one query per clip, so that keys and values need not be computed for each position: with
/// q·(W x) = (Wᵀ q)·x a head's query becomes a direction in the space of the positions, and the value
/// of a mean is the mean of the values. The keys' bias adds the same to all scores, which softmax
/// does not see.
#[derive(Debug)]
pub(super) struct FoldedAttentionPool {
    positional_embedding: Vec<f32>,
    /// Height and width of the learned positions.
    learned: [usize; 2],
    channels: usize,
    query: Linear,
    /// `[channels, channels]`.
    key: Vec<f32>,
    /// One linear layer a head.
    values: Vec<Linear>,
    output: Linear,
    level: Level,
}

impl FoldedAttentionPool {
    /// For spectrograms of `[n_mels, frames]` at the length of training.
    pub(super) fn new(weights: &Weights<'_>, name: &str, [n_mels, frames]: [usize; 2]) -> Self {
        let (embedding, shape) = weights.get(&format!("{name}.positional_embedding"));
        let channels = shape[1];
        let per_head = channels / AttentionPool::HEADS;
        let (value, bias) =
            (weights.values(&format!("{name}.v_proj.weight")), weights.values(&format!("{name}.v_proj.bias")));
        let values = value.chunks_exact(per_head * channels).zip(bias.chunks_exact(per_head));
        let head = |(weight, bias)| Linear::new(weight, [per_head, channels], bias, weights.level);
        Self {
            positional_embedding: embedding.to_vec(),
            learned: ResNet::output_size(n_mels, frames),
            channels,
            query: weights.linear(&format!("{name}.q_proj")),
            key: weights.values(&format!("{name}.k_proj.weight")).to_vec(),
            values: values.map(head).collect(),
            output: weights.linear(&format!("{name}.c_proj")),
            level: weights.level,
        }
    }

    /// # Shapes
    /// - features: `[1, height, width, channels]`; returns `[hidden]`.
    pub(super) fn run(&self, features: &FeatureMap) -> Vec<f32> {
        let [_, _, width, channels] = features.dims();
        let features = features.to_vec();
        let count = (features.len() / channels) as f32;
        let mut x = vec![0.0; channels];
        for position in features.chunks_exact(channels) {
            x.iter_mut().zip(position).for_each(|(sum, x)| *sum += x);
        }
        x.iter_mut().for_each(|x| *x /= count);
        x.extend(features);
        for (x, position) in x.iter_mut().zip(self.positions(width)) {
            *x += position;
        }

        let per_head = channels / AttentionPool::HEADS;
        let mut query = self.query.run(&x[..channels], None);
        let scale = 1.0 / (per_head as f32).sqrt();
        query.iter_mut().for_each(|q| *q *= scale);
        let mut directions = vec![0.0; AttentionPool::HEADS * channels];
        let heads = self.key.chunks_exact(per_head * channels).zip(query.chunks_exact(per_head));
        for ((key, query), direction) in heads.zip(directions.chunks_exact_mut(channels)) {
            weighted_sum(key, query, direction, self.level);
        }
        let mut means = vec![0.0; directions.len()];
        read_out(&x, &directions, channels, &mut means, self.level);
        let heads = self.values.iter().zip(means.chunks_exact(channels));
        let values: Vec<f32> = heads.flat_map(|(value, mean)| value.run(mean, None)).collect();
        self.output.run(&values, None)
    }

    /// The positional embedding for feature maps `width` wide, `[height · width + 1, channels]`.
    fn positions(&self, width: usize) -> Vec<f32> {
        let [height, learned] = self.learned;
        if width == learned {
            return self.positional_embedding.clone();
        }
        let channels = self.channels;
        let (mean, grid) = self.positional_embedding.split_at(channels);
        let weights = crate::audio::interpolation(learned, width);
        let mut positions = mean.to_vec();
        let mut row = vec![0.0; channels];
        for grid in grid.chunks_exact(learned * channels).take(height) {
            for weights in weights.chunks_exact(learned) {
                weighted_sum(grid, weights, &mut row, self.level);
                positions.extend_from_slice(&row);
            }
        }
        positions
    }
}
