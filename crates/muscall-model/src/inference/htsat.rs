//! HTSAT on slices: patches of one clip, row by row.

use muscall_kernels::{Level, Linear, RowEpilogue, attention};
use rayon::prelude::*;

use super::rows::Norm;
use super::weights::Weights;
use crate::audio::HtsatConfig;
use crate::audio::htsat::{BANDS, FRAMES, IMAGE, PATCH, WINDOW, region, relative_index, stretch_taps};

/// Of all norms of the tower.
const EPSILON: f32 = 1e-5;
/// Patches of a window.
const TOKENS: usize = WINDOW * WINDOW;
/// Windows that go through a block together: their states stay in the second-level cache, and they are enough for weights
/// that do not.
const TOGETHER: usize = 4;
/// What keeps patches apart that are next to each other only because the grid was rolled.
const APART: f32 = -100.0;

/// See [`Htsat`](crate::audio::htsat::Htsat).
#[derive(Debug)]
pub(super) struct PackedHtsat {
    /// Gain and offset of each band, with the running statistics.
    bands: Vec<(f32, f32)>,
    patch_embed: Linear,
    patch_norm: Norm,
    stages: Vec<PackedStage>,
    norm: Norm,
}

#[derive(Debug)]
struct PackedStage {
    blocks: Vec<PackedBlock>,
    /// The row of each patch in what the last block returns.
    rows: Vec<usize>,
    merging: Option<(Norm, Linear)>,
}

/// What some windows need on their way through a block.
#[derive(Debug, Default)]
struct Room {
    normed: Vec<f32>,
    attended: Vec<f32>,
    /// Queries, keys and values, and then the inner layer of the MLP.
    wide: Vec<f32>,
}

#[derive(Debug)]
struct PackedBlock {
    norm_before: Norm,
    qkv: Linear,
    attention_out: Linear,
    norm_after: Norm,
    mlp_in: Linear,
    mlp_out: Linear,
    /// By which sides of the grid a window lies at: `[heads, 64, 64]` each.
    biases: Vec<Vec<f32>>,
    heads: usize,
    /// Window after window, the row of each patch in what the block is given. That is how its result is ordered.
    order: Vec<usize>,
    level: Level,
}

impl PackedHtsat {
    pub(super) fn new(weights: &Weights<'_>, name: &str, config: &HtsatConfig) -> Self {
        let part = |part: &str| weights.values(&format!("{name}.batch_norm.{part}"));
        let (gain, offset) = (part("weight"), part("bias"));
        let (mean, variance) = (part("running_mean"), part("running_var"));
        let bands = gain.iter().zip(&*offset).zip(mean.iter().zip(&*variance));
        let bands = bands.map(|((gain, offset), (mean, variance))| {
            let gain = gain / (variance + EPSILON).sqrt();
            (gain, offset - mean * gain)
        });
        let stages = config.depths.iter().zip(&config.heads).enumerate().map(|(stage, (&depth, &heads))| {
            let name = format!("{name}.stages.{stage}");
            let side = (IMAGE / PATCH) >> stage;
            let mut rows: Vec<usize> = (0..side * side).collect();
            let mut blocks = Vec::with_capacity(depth);
            for i in 0..depth {
                blocks.push(PackedBlock::new(weights, &format!("{name}.blocks.{i}"), heads, &mut rows, i));
            }
            let merging = (stage + 1 < config.depths.len()).then(|| {
                let reduction = weights.linear(&format!("{name}.merging.reduction"));
                (Norm::new(weights, &format!("{name}.merging.norm"), EPSILON), reduction)
            });
            PackedStage { blocks, rows, merging }
        });
        Self {
            bands: bands.collect(),
            patch_embed: weights.linear(&format!("{name}.patch_embed")),
            patch_norm: Norm::new(weights, &format!("{name}.patch_norm"), EPSILON),
            stages: stages.collect(),
            norm: Norm::new(weights, &format!("{name}.norm"), EPSILON),
        }
    }

    /// # Shapes
    /// - mel: `[64, frames]`; returns `[output_dim]`.
    pub(super) fn run(&self, mel: &[f32]) -> Vec<f32> {
        let mut x = self.patch_norm.run(&self.patch_embed.run(&self.patches(mel), None));
        let mut y = Vec::new();
        let mut side = IMAGE / PATCH;
        for stage in &self.stages {
            for block in &stage.blocks {
                y.resize(x.len(), 0.0);
                block.run(&x, &mut y);
                std::mem::swap(&mut x, &mut y);
            }
            if let Some((norm, reduction)) = &stage.merging {
                reduction.run_into(&norm.run(&squares(&x, &stage.rows)), RowEpilogue::default(), &mut y);
                std::mem::swap(&mut x, &mut y);
                side /= 2;
            }
        }
        let x = self.norm.run(&x);
        let patches = side * side;
        let width = x.len() / patches;
        let mut mean = vec![0.0; width];
        x.chunks_exact(width).for_each(|row| mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x));
        mean.iter_mut().for_each(|x| *x /= patches as f32);
        mean
    }

    /// The pixels of each patch, `[64 · 64, 16]`, of a spectrogram that is normalised, stretched and folded.
    fn patches(&self, mel: &[f32]) -> Vec<f32> {
        let frames = mel.len() / BANDS;
        let taps: Vec<_> = (0..FRAMES).map(|target| stretch_taps(frames, FRAMES, target)).collect();
        let side = IMAGE / PATCH;
        let mut patches = vec![0.0; IMAGE * IMAGE];
        for (band, (row, &(gain, offset))) in mel.chunks_exact(frames).zip(&self.bands).enumerate() {
            let normed: Vec<f32> = row.iter().map(|x| x * gain + offset).collect();
            for (target, taps) in taps.iter().enumerate() {
                let value: f32 = taps.iter().map(|&(source, weight)| weight * normed[source]).sum();
                let (image_row, column) = (target / IMAGE * BANDS + band, target % IMAGE);
                let patch = image_row / PATCH * side + column / PATCH;
                patches[patch * PATCH * PATCH + image_row % PATCH * PATCH + column % PATCH] = value;
            }
        }
        patches
    }
}

/// Four neighbouring patches side by side, column by column. `rows` has the row of each patch.
fn squares(x: &[f32], rows: &[usize]) -> Vec<f32> {
    let (width, side) = (x.len() / rows.len(), rows.len().isqrt());
    let mut out = Vec::with_capacity(x.len());
    for row in (0..side).step_by(2) {
        for column in (0..side).step_by(2) {
            for (row, column) in [(row, column), (row + 1, column), (row, column + 1), (row + 1, column + 1)] {
                out.extend_from_slice(&x[rows[row * side + column] * width..][..width]);
            }
        }
    }
    out
}

impl PackedBlock {
    /// `rows` has the row of each patch in what the block is given, and then in what it returns.
    fn new(weights: &Weights<'_>, name: &str, heads: usize, rows: &mut [usize], number: usize) -> Self {
        let side = rows.len().isqrt();
        let part = |part: &str| format!("{name}.{part}");
        let shifted = number % 2 == 1 && side > WINDOW;
        let shift = if shifted { WINDOW / 2 } else { 0 };
        let per_side = side / WINDOW;
        let patch = |window: usize, token: usize| {
            let row = (window / per_side * WINDOW + token / WINDOW + shift) % side;
            let column = (window % per_side * WINDOW + token % WINDOW + shift) % side;
            row * side + column
        };
        let patches: Vec<usize> = (0..side * side).map(|place| patch(place / TOKENS, place % TOKENS)).collect();
        let order = patches.iter().map(|&patch| rows[patch]).collect();
        patches.iter().enumerate().for_each(|(place, &patch)| rows[patch] = place);
        let table = weights.values(&part("relative_position"));
        let bias = |last_row: bool, last_column: bool| -> Vec<f32> {
            let start = |is_last: bool| if is_last { side - WINDOW } else { 0 };
            let of = |token: usize| {
                let row = region(start(last_row) + token / WINDOW, side);
                let column = region(start(last_column) + token % WINDOW, side);
                (row, column)
            };
            let pair = |head: usize, query: usize, key: usize| {
                let apart = shifted && of(query) != of(key);
                table[relative_index(query, key) * heads + head] + if apart { APART } else { 0.0 }
            };
            (0..heads * TOKENS * TOKENS).map(|i| pair(i / (TOKENS * TOKENS), i / TOKENS % TOKENS, i % TOKENS)).collect()
        };
        let kinds: &[(bool, bool)] =
            if shifted { &[(false, false), (false, true), (true, false), (true, true)] } else { &[(false, false)] };
        Self {
            norm_before: Norm::new(weights, &part("norm_before"), EPSILON),
            qkv: weights.side_by_side(["query", "key", "value"].map(part)),
            attention_out: weights.linear(&part("attention_out")),
            norm_after: Norm::new(weights, &part("norm_after"), EPSILON),
            mlp_in: weights.linear(&part("mlp_in")),
            mlp_out: weights.linear(&part("mlp_out")),
            biases: kinds.iter().map(|&(row, column)| bias(row, column)).collect(),
            heads,
            order,
            level: weights.level,
        }
    }

    /// x: `[patches, width]`, and so is out, window after window.
    fn run(&self, x: &[f32], out: &mut [f32]) {
        let width = x.len() / self.order.len();
        let rows = self.order.par_chunks(TOGETHER * TOKENS).zip(out.par_chunks_mut(TOGETHER * TOKENS * width));
        rows.enumerate().for_each_init(Room::default, |room, (group, (order, out))| {
            self.run_windows(x, group * TOGETHER, order, room, out);
        });
    }

    /// Some windows, from number `first` on; `order` and `out` are theirs.
    fn run_windows(&self, x: &[f32], first: usize, order: &[usize], room: &mut Room, out: &mut [f32]) {
        let width = out.len() / order.len();
        let Room { normed, attended, wide } = room;
        normed.resize(out.len(), 0.0);
        attended.resize(out.len(), 0.0);
        self.norm_before.run_ordered(x, order, normed);
        self.qkv.run_into(normed, RowEpilogue::default(), wide);
        let windows = wide.par_chunks(TOKENS * 3 * width).zip(attended.par_chunks_mut(TOKENS * width)).enumerate();
        windows.for_each(|(window, (qkv, out))| {
            attention(qkv, 0..TOKENS, self.heads, self.bias(first + window), out, self.level);
        });
        let residual = RowEpilogue { residual: Some(x), residual_order: order, gelu: false };
        self.attention_out.run_to(attended, residual, out);
        // What is no longer needed is where the states are now, since the last product reads and writes them.
        attended.copy_from_slice(out);
        self.norm_after.run_to(attended, normed);
        self.mlp_in.run_into(normed, RowEpilogue { gelu: true, ..Default::default() }, wide);
        self.mlp_out.run_to(wide, RowEpilogue { residual: Some(attended), ..Default::default() }, out);
    }

    /// By where the window is: what is added to its scores.
    fn bias(&self, window: usize) -> &[f32] {
        let per_side = (self.order.len() / TOKENS).isqrt();
        let [row, column] = [window / per_side, window % per_side].map(|at| usize::from(at + 1 == per_side));
        &self.biases[if self.biases.len() == 1 { 0 } else { 2 * row + column }]
    }
}
