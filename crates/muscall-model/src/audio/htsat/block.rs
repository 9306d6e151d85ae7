//! A block of HTSAT: attention within windows of patches, and an MLP.

use burn::module::{Module, Param};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::grid::{OFFSETS, WINDOW, region, relative_index};
use crate::layers::Linear;

/// Of all norms of the tower.
const EPSILON: f64 = 1e-5;
/// Patches of a window.
const TOKENS: usize = WINDOW * WINDOW;
/// What keeps patches apart that are next to each other only because the grid was rolled.
const APART: f32 = -100.0;

/// Pre-norm: x + attention(norm(x)), then x + MLP(norm(x)).
#[derive(Module, Debug)]
pub(super) struct Block {
    norm_before: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    attention_out: Linear,
    /// By the differences of row and column between query and key, `[15 · 15, heads]`.
    relative_position: Param<Tensor<2>>,
    norm_after: LayerNorm,
    mlp_in: Linear,
    mlp_out: Linear,
    heads: usize,
    /// Patches along each side.
    side: usize,
    /// Whether windows lie half a window further on.
    shifted: bool,
}

pub(super) fn norm(width: usize, device: &Device) -> LayerNorm {
    LayerNormConfig::new(width).with_epsilon(EPSILON).init(device)
}

impl Block {
    pub(super) fn new(width: usize, heads: usize, side: usize, number: usize, device: &Device) -> Self {
        let linear = |inputs, outputs| Linear::new(inputs, outputs, true, device);
        let table = Initializer::Normal { mean: 0.0, std: 0.02 };
        Self {
            norm_before: norm(width, device),
            query: linear(width, width),
            key: linear(width, width),
            value: linear(width, width),
            attention_out: linear(width, width),
            relative_position: table.init([OFFSETS * OFFSETS, heads], device),
            norm_after: norm(width, device),
            mlp_in: linear(width, 4 * width),
            mlp_out: linear(4 * width, width),
            heads,
            side,
            // A grid of one window has no other windows.
            shifted: number % 2 == 1 && side > WINDOW,
        }
    }

    /// # Shapes
    /// - x: `[batch, side · side, width]`, row by row; returned in the same shape.
    pub(super) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let shape = x.dims();
        let [batch, patches, width] = shape;
        let grid = self.norm_before.forward(x.clone()).reshape([batch, self.side, self.side, width]);
        let half = (WINDOW / 2) as i64;
        let grid = if self.shifted { grid.roll(&[-half, -half], &[1, 2]) } else { grid };
        let attended = self.join(self.attend(self.cut(grid)), batch);
        let attended = if self.shifted { attended.roll(&[half, half], &[1, 2]) } else { attended };
        let x = x + attended.reshape(shape);
        let rows = self.norm_after.forward(x.clone()).reshape([batch * patches, width]);
        x + self.mlp_out.forward(gelu(self.mlp_in.forward(rows))).reshape(shape)
    }

    /// `[batch, side, side, width]` to windows, `[batch · windows, 64, width]`.
    fn cut(&self, grid: Tensor<4>) -> Tensor<3> {
        let [batch, side, _, width] = grid.dims();
        let windows = side / WINDOW;
        let parts = grid.reshape([batch, windows, WINDOW, windows, WINDOW, width]).swap_dims(2, 3);
        parts.reshape([batch * windows * windows, TOKENS, width])
    }

    /// The other way round.
    fn join(&self, x: Tensor<3>, batch: usize) -> Tensor<4> {
        let [_, _, width] = x.dims();
        let windows = self.side / WINDOW;
        let parts = x.reshape([batch, windows, windows, WINDOW, WINDOW, width]).swap_dims(2, 3);
        parts.reshape([batch, self.side, self.side, width])
    }

    /// x: `[batch · windows, 64, width]`, returned in the same shape.
    fn attend(&self, x: Tensor<3>) -> Tensor<3> {
        let [windows, _, width] = x.dims();
        let per_head = width / self.heads;
        let rows = x.reshape([windows * TOKENS, width]);
        let split = |x: Tensor<2>| x.reshape([windows, TOKENS, self.heads, per_head]).swap_dims(1, 2);
        let query = split(self.query.forward(rows.clone()) * (per_head as f64).powf(-0.5));
        let scores = query.matmul(split(self.key.forward(rows.clone())).swap_dims(2, 3)); // [windows, heads, 64, 64]
        let weights = softmax(self.mask(scores + self.bias()), 3);
        let attended = weights.matmul(split(self.value.forward(rows))).swap_dims(1, 2);
        self.attention_out.forward(attended.reshape([windows * TOKENS, width])).reshape([windows, TOKENS, width])
    }

    /// `[1, heads, 64, 64]`.
    fn bias(&self) -> Tensor<4> {
        let indices: Vec<i32> =
            (0..TOKENS).flat_map(|query| (0..TOKENS).map(move |key| relative_index(query, key) as i32)).collect();
        let table = self.relative_position.val();
        let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [TOKENS * TOKENS]), &table.device());
        table.select(0, indices).reshape([TOKENS, TOKENS, self.heads]).permute([2, 0, 1]).unsqueeze::<4>()
    }

    /// Keeps patches of a rolled grid apart that were not neighbours. scores: `[batch · windows, heads, 64, 64]`.
    fn mask(&self, scores: Tensor<4>) -> Tensor<4> {
        if !self.shifted {
            return scores;
        }
        let [all, heads, ..] = scores.dims();
        let per_side = self.side / WINDOW;
        let count = per_side * per_side;
        let of_token = |window: usize, token: usize| {
            let row = window / per_side * WINDOW + token / WINDOW;
            let column = window % per_side * WINDOW + token % WINDOW;
            (region(row, self.side), region(column, self.side))
        };
        let apart = |window: usize, query: usize, key: usize| {
            if of_token(window, query) == of_token(window, key) { 0.0 } else { APART }
        };
        let values: Vec<f32> = (0..count)
            .flat_map(|window| (0..TOKENS * TOKENS).map(move |pair| (window, pair / TOKENS, pair % TOKENS)))
            .map(|(window, query, key)| apart(window, query, key))
            .collect();
        let mask = TensorData::new(values, [1, count, 1, TOKENS, TOKENS]);
        let mask = Tensor::<5>::from_data(mask, &scores.device());
        let scores = scores.reshape([all / count, count, heads, TOKENS, TOKENS]) + mask;
        scores.reshape([all, heads, TOKENS, TOKENS])
    }
}
