//! CLIP's modified ResNet-50, on spectrograms.

use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Device, Tensor, module};

use crate::Activations;
use crate::layers::BatchNorm;
use crate::precision::{Precision, convolve};
use crate::tower::TimeColumns;

const EXPANSION: usize = 4;
/// Within the dual encoder.
const NAME: &str = "audio.resnet";
const BLOCKS: [usize; 4] = [3, 4, 6, 3];

/// Residual network: a stem of three 3×3 convolutions, then stages of 3, 4, 6 and 3 bottlenecks.
///
/// It differs from a plain ResNet-50 by its stem and by anti-aliased strides: a strided block
/// averages 2×2 where others skip every second position.
///
/// # Source
/// Section 3.1 of the paper; Radford et al. 2021, section 2.4.
#[derive(Module, Debug)]
pub struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    conv3: Conv2d,
    bn3: BatchNorm,
    layer1: Vec<Bottleneck>,
    layer2: Vec<Bottleneck>,
    layer3: Vec<Bottleneck>,
    layer4: Vec<Bottleneck>,
    kernels: bool,
    recompute: bool,
    #[module(skip)]
    precision: Precision,
}

impl ResNet {
    /// Five halvings, of which the first rounds up and the others down. One side of a position reaches over 1 frame in
    /// the first convolution, 2 · 2 in the stem, and then a pixel per 3×3 convolution: 3 of 4 frames, 1 of 4 and 3 of
    /// 8, 1 of 8 and 5 of 16, 1 of 16 and 2 of 32.
    pub(super) const COLUMNS: TimeColumns = TimeColumns { frames: 32, lacking: 1, reach: 213 };
    /// The shortest spectrogram that leaves one position on the time axis.
    pub const MIN_FRAMES: usize = 31;
    /// The fewest mel bands: five halvings of the frequency axis, each of which leaves out a last odd row.
    pub(super) const MIN_BANDS: usize = 32;

    /// A network with `width` channels after the stem and `32 · width` at the end. Frozen norms use
    /// their running statistics in training too.
    pub fn new(width: usize, frozen_norms: bool, device: &Device) -> Self {
        let half = width / 2;
        let norm = |channels| BatchNorm::new(channels, device).with_frozen(frozen_norms);
        let mut inputs = width;
        let mut stage = |stage: usize| {
            let planes = width << stage;
            (0..BLOCKS[stage])
                .map(|block| {
                    let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                    let bottleneck = Bottleneck::new([inputs, planes], stride, frozen_norms, device);
                    inputs = planes * EXPANSION;
                    bottleneck
                })
                .collect()
        };
        Self {
            layer1: stage(0),
            layer2: stage(1),
            layer3: stage(2),
            layer4: stage(3),
            conv1: conv3x3(1, half, 2, device),
            bn1: norm(half),
            conv2: conv3x3(half, half, 1, device),
            bn2: norm(half),
            conv3: conv3x3(half, width, 1, device),
            bn3: norm(width),
            kernels: true,
            recompute: false,
            precision: Precision::F32,
        }
    }

    /// Whether our own kernels may be used for training, where there are any (the default), or
    /// burn's operators are, as on any other device.
    #[must_use]
    pub fn with_kernels(mut self, kernels: bool) -> Self {
        self.kernels = kernels;
        self
    }

    /// Whether training with our own kernels keeps only inputs and outputs of its layers, and convolves
    /// again in the backward pass: less memory, more time, the same gradients.
    #[must_use]
    pub fn with_recompute(mut self, recompute: bool) -> Self {
        self.recompute = recompute;
        self
    }

    /// In which numbers it computes. Our own kernels are for 32 bits.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Height and width of the last feature map for a spectrogram.
    pub fn output_size(n_mels: usize, frames: usize) -> [usize; 2] {
        [n_mels, frames].map(|n| Self::COLUMNS.count(n))
    }

    /// # Shapes
    /// - x: `[batch, 1, n_mels, frames]`; returns `[batch, 32 width, n_mels/32, frames/32]` in the numbers of the
    ///   precision, of the size that [`output_size`](Self::output_size) says; adds what comes out of stem and blocks to
    ///   `seen`.
    pub(super) fn run(&self, x: Tensor<4>, mut seen: Option<&mut Activations>) -> Tensor<4> {
        #[cfg(feature = "kernels")]
        if self.kernels
            && self.precision == Precision::F32
            && !self.bn1.frozen
            && crate::layers::norm_group().is_none()
            && crate::layers::fused::runs_on(&x.device())
        {
            return self.forward_fused(x, seen);
        }
        let x = self.precision.of(x);
        let x = self.bn1.activate(convolve(&self.conv1, x), None, true);
        let x = self.bn2.activate(convolve(&self.conv2, x), None, true);
        let x = self.bn3.activate(convolve(&self.conv3, x), None, true);
        let see = |x: Tensor<4>, name: &str, seen: &mut Option<&mut Activations>| match seen {
            None => x,
            Some(seen) => {
                seen.add(format!("{NAME}.{name}"), x.clone());
                x.detach()
            }
        };
        let x = see(average2x2(x), "stem", &mut seen);
        self.blocks().fold(x, |x, (name, block)| see(block.forward(x), &name, &mut seen))
    }

    fn blocks(&self) -> impl Iterator<Item = (String, &Bottleneck)> {
        let stages = [&self.layer1, &self.layer2, &self.layer3, &self.layer4].into_iter().enumerate();
        stages.flat_map(|(stage, blocks)| {
            blocks.iter().enumerate().map(move |(i, block)| (format!("layer{}.{i}", stage + 1), block))
        })
    }
}

/// The same with our own kernels, on `[batch, height, width, channels]`.
#[cfg(feature = "kernels")]
impl ResNet {
    fn forward_fused(&self, x: Tensor<4>, mut seen: Option<&mut Activations>) -> Tensor<4> {
        use crate::layers::fused::{average2x2, conv_norm};
        let recompute = self.recompute;
        // One channel: the axes can change places without a copy.
        let [batch, _, height, width] = x.dims();
        let x = x.reshape([batch, height, width, 1]);
        let x = conv_norm(&self.conv1, &self.bn1, x, None, true, recompute);
        let x = conv_norm(&self.conv2, &self.bn2, x, None, true, recompute);
        let x = conv_norm(&self.conv3, &self.bn3, x, None, true, recompute);
        let see = |x: Tensor<4>, name: &str, seen: &mut Option<&mut Activations>| match seen {
            None => x,
            Some(seen) => {
                seen.add(format!("{NAME}.{name}"), x.clone().permute([0, 3, 1, 2]));
                x.detach()
            }
        };
        let x = see(average2x2(x), "stem", &mut seen);
        let blocks = self.blocks();
        let x = blocks.fold(x, |x, (name, block)| see(block.forward_fused(x, recompute), &name, &mut seen));
        x.permute([0, 3, 1, 2])
    }
}

#[cfg(feature = "kernels")]
impl Bottleneck {
    fn forward_fused(&self, x: Tensor<4>, recompute: bool) -> Tensor<4> {
        use crate::layers::fused::{average2x2, conv_norm};
        let halve = |x| if self.stride > 1 { average2x2(x) } else { x };
        let y = conv_norm(&self.conv1, &self.bn1, x.clone(), None, true, recompute);
        let y = halve(conv_norm(&self.conv2, &self.bn2, y, None, true, recompute));
        let shortcut = match &self.downsample {
            Some(downsample) => conv_norm(&downsample.conv, &downsample.bn, halve(x), None, false, recompute),
            None => x,
        };
        conv_norm(&self.conv3, &self.bn3, y, Some(shortcut), true, recompute)
    }
}

#[derive(Module, Debug)]
struct Bottleneck {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    conv3: Conv2d,
    bn3: BatchNorm,
    downsample: Option<Downsample>,
    stride: usize,
}

#[derive(Module, Debug)]
struct Downsample {
    conv: Conv2d,
    bn: BatchNorm,
}

impl Bottleneck {
    fn new([inputs, planes]: [usize; 2], stride: usize, frozen_norms: bool, device: &Device) -> Self {
        let norm = |channels| BatchNorm::new(channels, device).with_frozen(frozen_norms);
        let outputs = planes * EXPANSION;
        let reshaped = stride > 1 || inputs != outputs;
        Self {
            conv1: conv1x1(inputs, planes, device),
            bn1: norm(planes),
            conv2: conv3x3(planes, planes, 1, device),
            bn2: norm(planes),
            conv3: conv1x1(planes, outputs, device),
            bn3: BatchNorm::zero_gain(outputs, device).with_frozen(frozen_norms),
            downsample: reshaped.then(|| Downsample { conv: conv1x1(inputs, outputs, device), bn: norm(outputs) }),
            stride,
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let halve = |x| if self.stride > 1 { average2x2(x) } else { x };
        let y = self.bn1.activate(convolve(&self.conv1, x.clone()), None, true);
        let y = halve(self.bn2.activate(convolve(&self.conv2, y), None, true));
        let shortcut = match &self.downsample {
            Some(downsample) => downsample.bn.activate(convolve(&downsample.conv, halve(x)), None, false),
            None => x,
        };
        self.bn3.activate(convolve(&self.conv3, y), Some(shortcut), true)
    }
}

fn conv1x1(inputs: usize, outputs: usize, device: &Device) -> Conv2d {
    let config = Conv2dConfig::new([inputs, outputs], [1, 1]);
    config.with_bias(false).init(device)
}

fn conv3x3(inputs: usize, outputs: usize, stride: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new([inputs, outputs], [3, 3])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .with_bias(false)
        .init(device)
}

fn average2x2(x: Tensor<4>) -> Tensor<4> {
    module::avg_pool2d(x, AvgPoolOptions::new([2, 2]).with_stride([2, 2]))
}
