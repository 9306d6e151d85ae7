//! Attention pooling without computing a key or a value.

use muscall_kernels::{Level, Linear, read_out, weighted_sum};

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

    /// Of each position.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Pools maps of one size. Weights are read once for all of them.
    ///
    /// # Shapes
    /// - maps: each `[height · width, channels]`; returns `[maps, hidden]`.
    pub(super) fn run(&self, maps: &[Vec<f32>], width: usize) -> Vec<f32> {
        let channels = self.channels;
        let per_head = channels / AttentionPool::HEADS;
        let positions = self.positions(width);
        let x: Vec<Vec<f32>> = maps.iter().map(|map| self.with_mean(map, &positions)).collect();
        let means: Vec<f32> = x.iter().flat_map(|x| &x[..channels]).copied().collect();
        let mut queries = self.query.run(&means, None);
        let scale = 1.0 / (per_head as f32).sqrt();
        queries.iter_mut().for_each(|q| *q *= scale);
        // [maps, heads, channels]
        let a_map = AttentionPool::HEADS * channels;
        let mut directions = vec![0.0; maps.len() * a_map];
        for (head, key) in self.key.chunks_exact(per_head * channels).enumerate() {
            for (query, directions) in queries.chunks_exact(channels).zip(directions.chunks_exact_mut(a_map)) {
                let query = &query[head * per_head..][..per_head];
                weighted_sum(key, query, &mut directions[head * channels..][..channels], self.level);
            }
        }
        let mut read = vec![0.0; directions.len()];
        for ((x, directions), read) in x.iter().zip(directions.chunks_exact(a_map)).zip(read.chunks_exact_mut(a_map)) {
            read_out(x, directions, channels, read, self.level);
        }
        let mut values = vec![0.0; maps.len() * channels];
        for (head, value) in self.values.iter().enumerate() {
            let read = read.chunks_exact(a_map).flat_map(|read| &read[head * channels..][..channels]);
            let read: Vec<f32> = read.copied().collect();
            for (own, values) in value.run(&read, None).chunks_exact(per_head).zip(values.chunks_exact_mut(channels)) {
                values[head * per_head..][..per_head].copy_from_slice(own);
            }
        }
        self.output.run(&values, None)
    }

    /// The mean of a map, the map, and the position of each added: `[1 + height · width, channels]`.
    fn with_mean(&self, map: &[f32], positions: &[f32]) -> Vec<f32> {
        let channels = self.channels;
        let count = (map.len() / channels) as f32;
        let mut x = vec![0.0; channels];
        for position in map.chunks_exact(channels) {
            x.iter_mut().zip(position).for_each(|(sum, x)| *sum += x);
        }
        x.iter_mut().for_each(|x| *x /= count);
        x.extend_from_slice(map);
        x.iter_mut().zip(positions).for_each(|(x, position)| *x += position);
        x
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
