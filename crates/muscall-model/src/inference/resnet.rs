//! The residual network with its batch norms folded in.

use std::sync::{Mutex, PoisonError};

use muscall_kernels::{Conv, Epilogue, FeatureMap, average2x2};

use super::weights::Weights;

/// See [`ResNet`](crate::audio::ResNet).
#[derive(Debug)]
pub(super) struct FoldedResNet {
    stem: [Conv; 3],
    blocks: Vec<FoldedBottleneck>,
    /// Memory of earlier clips: no allocation and no zero-filling from the second clip on.
    spare: Mutex<Vec<Maps>>,
}

#[derive(Debug)]
struct FoldedBottleneck {
    conv1: Conv,
    conv2: Conv,
    conv3: Conv,
    downsample: Option<Conv>,
    halves: bool,
}

/// Feature maps of one clip.
#[derive(Debug, Default)]
struct Maps {
    x: FeatureMap,
    y: FeatureMap,
    z: FeatureMap,
    pooled: FeatureMap,
    shortcut: FeatureMap,
    out: FeatureMap,
}

const RELU: Epilogue<'static> = Epilogue { residual: None, relu: true };

impl FoldedResNet {
    pub(super) fn new(weights: &Weights<'_>, name: &str) -> Self {
        let stem = [1, 2, 3].map(|i| {
            let stride = if i == 1 { 2 } else { 1 };
            weights.folded(&format!("{name}.conv{i}"), &format!("{name}.bn{i}"), stride)
        });
        let mut blocks = Vec::new();
        for layer in 1..=4 {
            let block = |i: usize| format!("{name}.layer{layer}.{i}");
            for i in (0..).take_while(|&i| weights.has(&format!("{}.conv1.weight", block(i)))) {
                let halves = layer > 1 && i == 0;
                blocks.push(FoldedBottleneck::new(weights, &block(i), halves));
            }
        }
        Self { stem, blocks, spare: Mutex::default() }
    }

    /// # Shapes
    /// - mel: `[n_mels, frames]`; `then` gets `[1, n_mels/32, frames/32, 32 width]`.
    pub(super) fn run<T>(&self, mel: &[f32], [n_mels, frames]: [usize; 2], then: impl FnOnce(&FeatureMap) -> T) -> T {
        let lock = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let mut maps = lock().pop().unwrap_or_default();
        let Maps { x, y, out, .. } = &mut maps;
        x.fill(mel, [1, n_mels, frames, 1], self.stem[0].border());
        self.stem[0].run(&*x, RELU, y, self.stem[1].border());
        self.stem[1].run(&*y, RELU, out, self.stem[2].border());
        self.stem[2].run(&*out, RELU, y, 0);
        average2x2(&*y, x, 0);
        for block in &self.blocks {
            block.run(&mut maps);
        }
        let result = then(&maps.x);
        lock().push(maps);
        result
    }
}

impl FoldedBottleneck {
    fn new(weights: &Weights<'_>, name: &str, halves: bool) -> Self {
        let conv = |i: usize| weights.folded(&format!("{name}.conv{i}"), &format!("{name}.bn{i}"), 1);
        let downsample = format!("{name}.downsample");
        let downsample = weights
            .has(&format!("{downsample}.conv.weight"))
            .then(|| weights.folded(&format!("{downsample}.conv"), &format!("{downsample}.bn"), 1));
        Self { conv1: conv(1), conv2: conv(2), conv3: conv(3), downsample, halves }
    }

    /// From `maps.x` to `maps.x`.
    fn run(&self, maps: &mut Maps) {
        let Maps { x, y, z, pooled, shortcut, out } = maps;
        self.conv1.run(&*x, RELU, y, self.conv2.border());
        self.conv2.run(&*y, RELU, z, 0);
        if self.halves {
            average2x2(&*z, y, 0);
            std::mem::swap(y, z);
            average2x2(&*x, pooled, 0);
            std::mem::swap(pooled, x);
        }
        let residual = match &self.downsample {
            Some(downsample) => {
                downsample.run(&*x, Epilogue::default(), shortcut, 0);
                &*shortcut
            }
            None => &*x,
        };
        self.conv3.run(&*z, Epilogue { residual: Some(residual), relu: true }, out, 0);
        std::mem::swap(x, out);
    }
}
