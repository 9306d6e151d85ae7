//! The residual network with its batch norms folded in.

use std::sync::{Mutex, PoisonError};

use muscall_kernels::{Conv, Epilogue, FeatureMap, average2x2};

use super::weights::{Axes, Weights};

/// See [`ResNet`](crate::audio::ResNet).
#[derive(Debug)]
pub(super) struct FoldedResNet {
    pub(super) stem: [Conv; 3],
    pub(super) blocks: Vec<FoldedBottleneck>,
    /// Memory of earlier clips: no allocation and no zero-filling from the second clip on.
    spare: Mutex<Vec<Maps>>,
}

#[derive(Debug)]
pub(super) struct FoldedBottleneck {
    pub(super) conv1: Conv,
    pub(super) conv2: Conv,
    pub(super) conv3: Conv,
    pub(super) downsample: Option<Conv>,
    pub(super) halves: bool,
}

/// Feature maps of one clip.
#[derive(Debug, Default)]
pub(super) struct Maps {
    pub(super) x: FeatureMap,
    pub(super) y: FeatureMap,
    pub(super) z: FeatureMap,
    pub(super) pooled: FeatureMap,
    pub(super) shortcut: FeatureMap,
    pub(super) out: FeatureMap,
}

pub(super) const RELU: Epilogue<'static> = Epilogue { residual: None, relu: true };

impl FoldedResNet {
    pub(super) fn new(weights: &Weights<'_>, name: &str, axes: Axes) -> Self {
        let stem = [1, 2, 3].map(|i| {
            let stride = if i == 1 { 2 } else { 1 };
            weights.folded(&format!("{name}.conv{i}"), &format!("{name}.bn{i}"), stride, axes)
        });
        let mut blocks = Vec::new();
        for layer in 1..=4 {
            let block = |i: usize| format!("{name}.layer{layer}.{i}");
            for i in (0..).take_while(|&i| weights.has(&format!("{}.conv1.weight", block(i)))) {
                let halves = layer > 1 && i == 0;
                blocks.push(FoldedBottleneck::new(weights, &block(i), halves, axes));
            }
        }
        Self { stem, blocks, spare: Mutex::default() }
    }

    /// # Shapes
    /// - mel: `[n_mels, frames]`; `then` gets `[1, n_mels/32, frames/32, 32 width]`.
    pub(super) fn run<T>(&self, mel: &[f32], [n_mels, frames]: [usize; 2], then: impl FnOnce(&FeatureMap) -> T) -> T {
        let mut maps = self.maps();
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
        self.give_back(maps);
        result
    }

    /// Memory to work in.
    pub(super) fn maps(&self) -> Maps {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// For the next clip.
    pub(super) fn give_back(&self, maps: Maps) {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(maps);
    }
}

impl FoldedBottleneck {
    fn new(weights: &Weights<'_>, name: &str, halves: bool, axes: Axes) -> Self {
        let conv = |i: usize| weights.folded(&format!("{name}.conv{i}"), &format!("{name}.bn{i}"), 1, axes);
        let downsample = format!("{name}.downsample");
        let downsample = weights
            .has(&format!("{downsample}.conv.weight"))
            .then(|| weights.folded(&format!("{downsample}.conv"), &format!("{downsample}.bn"), 1, axes));
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
                shortcut.view()
            }
            None => x.view(),
        };
        self.conv3.run(&*z, Epilogue { residual: Some(residual), relu: true }, out, 0);
        std::mem::swap(x, out);
    }
}
