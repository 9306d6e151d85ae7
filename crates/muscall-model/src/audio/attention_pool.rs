//! Attention pooling: the mean position reads from all positions.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};

use super::interpolation::interpolation;
use crate::layers::Linear;
use crate::precision::{full, like};

/// One multi-head self-attention over the positions of the last feature map, read out at their
/// mean.
///
/// The learned positions belong to the length of training. For another length the time axis of
/// the positions is interpolated linearly, so that any clip has an embedding; at the length of
/// training nothing changes.
///
/// # Source
/// Section 3.1 of the paper; Radford et al. 2021, section 2.4. The interpolation is ours.
#[derive(Module, Debug)]
pub struct AttentionPool {
    /// `[height · width + 1, channels]`; row 0 belongs to the mean.
    positional_embedding: Param<Tensor<2>>,
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    c_proj: Linear,
    height: usize,
    width: usize,
}

impl AttentionPool {
    /// Heads.
    pub const HEADS: usize = 8;

    /// For feature maps of `[height, width]` at the length of training.
    pub fn new([height, width]: [usize; 2], channels: usize, hidden: usize, device: &Device) -> Self {
        let std = (channels as f64).powf(-0.5);
        let linear = |outputs| Linear::normal(channels, outputs, true, std, device);
        let positions = Initializer::Normal { mean: 0.0, std };
        Self {
            positional_embedding: positions.init([height * width + 1, channels], device),
            q_proj: linear(channels),
            k_proj: linear(channels),
            v_proj: linear(channels),
            c_proj: linear(hidden),
            height,
            width,
        }
    }

    /// # Shapes
    /// - x: `[batch, channels, height, width]`, in any numbers; returns `[batch, hidden]` in the same.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let [batch, channels, height, width] = x.dims();
        assert_eq!(height, self.height, "mel bands are fixed by the configuration");
        let x = x.reshape([batch, channels, height * width]).swap_dims(1, 2);
        let x = Tensor::cat(vec![x.clone().mean_dim(1), x], 1); // [batch, positions, channels]
        let positions = like(self.positions(width), &x);
        let x = x + positions.unsqueeze::<3>();
        let positions = height * width + 1;

        // Only the mean asks, so there is one query per clip.
        let mean = x.clone().narrow(1, 0, 1).reshape([batch, channels]);
        let all = x.reshape([batch * positions, channels]);
        let split = |x: Tensor<2>, length| {
            let per_head = channels / Self::HEADS;
            x.reshape([batch, length, Self::HEADS, per_head]).swap_dims(1, 2) // [batch, heads, length, per head]
        };
        let scale = ((channels / Self::HEADS) as f64).powf(-0.5);
        let q = split(self.q_proj.forward(mean) * scale, 1);
        let k = split(self.k_proj.forward(all.clone()), positions);
        let v = split(self.v_proj.forward(all), positions);
        let weights = softmax(full(q.matmul(k.swap_dims(2, 3))), 3); // [batch, heads, 1, positions]
        let weights = like(weights, &v);
        self.c_proj.forward(weights.matmul(v).reshape([batch, channels]))
    }

    /// The positional embedding for feature maps `width` wide, `[height · width + 1, channels]`.
    fn positions(&self, width: usize) -> Tensor<2> {
        let learned = self.positional_embedding.val();
        if width == self.width {
            return learned;
        }
        let [rows, channels] = learned.dims();
        let mean = learned.clone().narrow(0, 0, 1);
        let grid = learned.narrow(0, 1, rows - 1);
        let grid = grid.reshape([self.height, self.width, channels]);
        let weights = interpolation(self.width, width);
        let data = TensorData::new(weights, [1, width, self.width]);
        let grid = Tensor::<3>::from_data(data, &grid.device()).expand([self.height, width, self.width]).matmul(grid);
        Tensor::cat(vec![mean, grid.reshape([self.height * width, channels])], 0)
    }
}
