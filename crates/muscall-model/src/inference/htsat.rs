//! HTSAT on slices: patches of one clip, row by row.

use muscall_kernels::{Level, Linear, attention};
use rayon::prelude::*;

use super::rows::{Norm, gelu};
use super::weights::Weights;
use crate::audio::HtsatConfig;
use crate::audio::htsat::{BANDS, FRAMES, IMAGE, PATCH, WINDOW, region, relative_index, stretch_taps};

/// Of all norms of the tower.
const EPSILON: f32 = 1e-5;
/// Patches of a window.
const TOKENS: usize = WINDOW * WINDOW;
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
    merging: Option<(Norm, Linear)>,
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
    /// The patch of each place, window after window.
    order: Vec<usize>,
    level: Level,
}

impl PackedHtsat {
    pub(super) fn new(weights: &Weights<'_>, name: &str, config: &HtsatConfig) -> Self {
        let part = |part: &str| weights.values(&format!("{name}.batch_norm.{part}"));
        let (gain, offset) = (part("weight"), part("bias"));
        let bands = gain.iter().zip(offset).zip(part("running_mean").iter().zip(part("running_var")));
        let bands = bands.map(|((gain, offset), (mean, variance))| {
            let gain = gain / (variance + EPSILON).sqrt();
            (gain, offset - mean * gain)
        });
        let stages = config.depths.iter().zip(&config.heads).enumerate().map(|(stage, (&depth, &heads))| {
            let name = format!("{name}.stages.{stage}");
            let side = (IMAGE / PATCH) >> stage;
            let block = |i: usize| PackedBlock::new(weights, &format!("{name}.blocks.{i}"), heads, side, i);
            let merging = (stage + 1 < config.depths.len()).then(|| {
                let reduction = weights.linear(&format!("{name}.merging.reduction"));
                (Norm::new(weights, &format!("{name}.merging.norm"), EPSILON), reduction)
            });
            PackedStage { blocks: (0..depth).map(block).collect(), merging }
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
        let mut side = IMAGE / PATCH;
        for stage in &self.stages {
            for block in &stage.blocks {
                x = block.run(&x);
            }
            if let Some((norm, reduction)) = &stage.merging {
                x = reduction.run(&norm.run(&squares(&x, side)), None);
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

/// Four neighbouring patches side by side, column by column.
fn squares(x: &[f32], side: usize) -> Vec<f32> {
    let width = x.len() / (side * side);
    let mut out = Vec::with_capacity(x.len());
    for row in (0..side).step_by(2) {
        for column in (0..side).step_by(2) {
            for (row, column) in [(row, column), (row + 1, column), (row, column + 1), (row + 1, column + 1)] {
                out.extend_from_slice(&x[(row * side + column) * width..][..width]);
            }
        }
    }
    out
}

impl PackedBlock {
    fn new(weights: &Weights<'_>, name: &str, heads: usize, side: usize, number: usize) -> Self {
        let part = |part: &str| format!("{name}.{part}");
        let shifted = number % 2 == 1 && side > WINDOW;
        let shift = if shifted { WINDOW / 2 } else { 0 };
        let per_side = side / WINDOW;
        let patch = |window: usize, token: usize| {
            let row = (window / per_side * WINDOW + token / WINDOW + shift) % side;
            let column = (window % per_side * WINDOW + token % WINDOW + shift) % side;
            row * side + column
        };
        let order = (0..side * side).map(|place| patch(place / TOKENS, place % TOKENS)).collect();
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

    /// x: `[patches, width]`, returned in the same shape.
    fn run(&self, x: &[f32]) -> Vec<f32> {
        let patches = self.order.len();
        let width = x.len() / patches;
        let per_side = patches.isqrt() / WINDOW;
        let normed = self.norm_before.run(x);
        let in_windows: Vec<f32> =
            self.order.iter().flat_map(|&patch| &normed[patch * width..][..width]).copied().collect();
        let qkv = self.qkv.run(&in_windows, None);
        let mut attended = vec![0.0; x.len()];
        let windows = qkv.par_chunks(TOKENS * 3 * width).zip(attended.par_chunks_mut(TOKENS * width)).enumerate();
        windows.for_each(|(window, (qkv, out))| {
            let kind = if self.biases.len() == 1 {
                0
            } else {
                2 * usize::from(window / per_side + 1 == per_side) + usize::from(window % per_side + 1 == per_side)
            };
            attention(qkv, 0..TOKENS, self.heads, &self.biases[kind], out, self.level);
        });
        let attended = self.attention_out.run(&attended, None);
        let mut y = x.to_vec();
        for (row, &patch) in attended.chunks_exact(width).zip(&self.order) {
            y[patch * width..][..width].iter_mut().zip(row).for_each(|(y, x)| *y += x);
        }
        let mut inner = self.mlp_in.run(&self.norm_after.run(&y), None);
        gelu(&mut inner, self.level);
        self.mlp_out.run(&inner, Some(&y))
    }
}
