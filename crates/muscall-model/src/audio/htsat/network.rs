//! HTSAT: stages of blocks over fewer and fewer patches.

use burn::module::Module;
use burn::nn::LayerNorm;
use burn::tensor::{Device, Tensor};

use super::block::{Block, norm};
use super::config::HtsatConfig;
use super::grid::{BANDS, FRAMES, IMAGE, PATCH};
use super::image::fold;
use crate::Activations;
use crate::audio::AudioBatch;
use crate::layers::{BatchNorm, Linear};
use crate::tower::Encoder;

/// Log-mel spectrograms to the mean of the last patches' states.
#[derive(Module, Debug)]
pub struct Htsat {
    /// Over the mel bands, always by its running statistics.
    batch_norm: BatchNorm,
    /// From the 16 pixels of a patch.
    patch_embed: Linear,
    patch_norm: LayerNorm,
    stages: Vec<Stage>,
    norm: LayerNorm,
}

#[derive(Module, Debug)]
struct Stage {
    blocks: Vec<Block>,
    merging: Option<Merging>,
}

/// Four neighbouring patches become one.
#[derive(Module, Debug)]
struct Merging {
    norm: LayerNorm,
    reduction: Linear,
}

impl Htsat {
    pub(super) fn new(config: &HtsatConfig, device: &Device) -> Self {
        let stages = config.depths.iter().zip(&config.heads).enumerate().map(|(stage, (&depth, &heads))| {
            let (width, side) = (config.width << stage, HtsatConfig::side(stage));
            let merging = (stage + 1 < config.depths.len()).then(|| Merging {
                norm: norm(4 * width, device),
                reduction: Linear::new(4 * width, 2 * width, false, device),
            });
            Stage { blocks: (0..depth).map(|number| Block::new(width, heads, side, number, device)).collect(), merging }
        });
        Self {
            batch_norm: BatchNorm::new(BANDS, device).with_frozen(true),
            patch_embed: Linear::new(PATCH * PATCH, config.width, true, device),
            patch_norm: norm(config.width, device),
            stages: stages.collect(),
            norm: norm(config.width << (config.depths.len() - 1), device),
        }
    }

    fn run(&self, mel: Tensor<3>, mut seen: Option<&mut Activations>) -> Tensor<2> {
        let [batch, bands, frames] = mel.dims();
        assert!(bands == BANDS && frames <= FRAMES, "[batch, 64, at most 1024], not {:?}", mel.dims());
        let mel = self.batch_norm.forward(mel.reshape([batch, bands, frames, 1])).reshape([batch, bands, frames]);
        let side = IMAGE / PATCH;
        let patches = fold(mel).reshape([batch, side, PATCH, side, PATCH]).swap_dims(2, 3);
        let x = self.patch_embed.forward(patches.reshape([batch * side * side, PATCH * PATCH]));
        let [_, width] = x.dims();
        let mut x = self.patch_norm.forward(x).reshape([batch, side * side, width]);
        let mut part = |name: String, x: Tensor<3>| match &mut seen {
            Some(seen) => {
                seen.add(name, x.clone());
                x.detach()
            }
            None => x,
        };
        x = part("audio.patches".to_owned(), x);
        for (number, stage) in self.stages.iter().enumerate() {
            for (block, layer) in stage.blocks.iter().enumerate() {
                x = part(format!("audio.stages.{number}.blocks.{block}"), layer.forward(x));
            }
            if let Some(merging) = &stage.merging {
                x = part(format!("audio.stages.{number}.merging"), merging.forward(x));
            }
        }
        let x = self.norm.forward(x);
        let [_, _, width] = x.dims();
        x.mean_dim(1).reshape([batch, width])
    }
}

impl Merging {
    /// # Shapes
    /// - x: `[batch, side · side, width]`; returns `[batch, side · side / 4, 2 · width]`.
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, patches, width] = x.dims();
        let half = patches.isqrt() / 2;
        // Column by column within each square of four.
        let squares = x.reshape([batch, half, 2, half, 2, width]).permute([0, 1, 3, 4, 2, 5]);
        let merged = self.norm.forward(squares.reshape([batch * half * half, 4 * width]));
        self.reduction.forward(merged).reshape([batch, half * half, 2 * width])
    }
}

impl Encoder<AudioBatch> for Htsat {
    fn forward(&self, audio: AudioBatch, seen: Option<&mut Activations>) -> Tensor<2> {
        self.run(audio.mel, seen)
    }
}
