//! The audio encoder of the DCASE 2022 baseline: convolutions, then a recurrent layer.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Dropout, DropoutConfig, PaddingConfig2d};
use burn::tensor::activation::leaky_relu;
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Device, Tensor, TensorData, module};
use serde::{Deserialize, Serialize};

use super::AudioBatch;
use super::interpolation::interpolation;
use crate::layers::{BatchNorm, Gru};
use crate::space::Description;
use crate::tower::{AudioEncoder, AudioEncoderConfig, AudioTower, Encoder, MOST_UNITS, TowerConfig};
use crate::{Activations, ModelError};

/// Keeps the root of the pooling differentiable at zero.
const SMALLEST: f64 = 1e-24;
const SLOPE: f64 = 0.1;

/// The recurrent audio encoder: five convolutional blocks, one bidirectional recurrent layer, and the mean over time.
///
/// # Source
/// Section 4.3 of the paper ("DCASE"); task 6b of DCASE 2022.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CrnnConfig {
    /// Channels of the first block; the others have four times as many.
    pub channels: usize,
    /// Units of the recurrent layer a direction.
    pub recurrent: usize,
    /// Probability of dropping an activation before the recurrent layer.
    pub dropout: f64,
}

impl Default for CrnnConfig {
    fn default() -> Self {
        Self { channels: 32, recurrent: 150, dropout: 0.3 }
    }
}

impl TowerConfig for CrnnConfig {
    fn validate(&self) -> Result<(), ModelError> {
        ModelError::check(
            (1..=MOST_UNITS).contains(&self.channels),
            "audio.channels",
            self.channels,
            "from 1 to 65536",
        )?;
        ModelError::check(
            (1..=MOST_UNITS).contains(&self.recurrent),
            "audio.recurrent",
            self.recurrent,
            "from 1 to 65536",
        )?;
        let dropout = (0.0..1.0).contains(&self.dropout);
        ModelError::check(dropout, "audio.dropout", self.dropout, "at least 0 and below 1")
    }

    fn output_dim(&self) -> usize {
        2 * self.recurrent
    }

    fn parameters(&self) -> f64 {
        let (channels, recurrent) = (self.channels as f64, self.recurrent as f64);
        9.0 * 53.0 * channels * channels + 6.0 * recurrent * (8.0 * channels + recurrent)
    }

    /// Dropout decides nothing but training.
    fn describe(&self, space: &mut Description) {
        let Self { channels, recurrent, dropout: _ } = self;
        space.field("encoder", "crnn");
        space.field("channels", *channels);
        space.field("recurrent", *recurrent);
    }

    fn dropout(&self) -> f64 {
        self.dropout
    }
}

#[typetag::serde(name = "crnn")]
impl AudioTower for CrnnConfig {
    fn min_frames(&self) -> usize {
        Crnn::MIN_FRAMES
    }

    fn without_dropout(&self) -> AudioEncoderConfig {
        Self { dropout: 0.0, ..self.clone() }.into()
    }

    fn init(&self, n_mels: usize, _frames: usize, device: &Device) -> Result<AudioEncoder, ModelError> {
        ModelError::check(n_mels >= 64, "log_mel.n_mels", n_mels, "at least 64")?;
        let (few, many) = (self.channels, 4 * self.channels);
        let block = |inputs, outputs| Block::new(inputs, outputs, device);
        // Three poolings by four, each rounded down.
        let inputs = many * (n_mels / 64);
        Ok(AudioEncoder::new(Crnn {
            blocks: vec![block(1, few), block(few, many), block(many, many), block(many, many), block(many, many)],
            dropout: DropoutConfig::new(self.dropout).init(),
            forward: Gru::new(inputs, self.recurrent, false, device),
            backward: Gru::new(inputs, self.recurrent, true, device),
        }))
    }
}

/// Five convolutional blocks with power-average pooling in between, one bidirectional recurrent
/// layer, and the mean over the frames that are not padding.
#[derive(Module, Debug)]
pub struct Crnn {
    blocks: Vec<Block>,
    dropout: Dropout,
    forward: Gru,
    backward: Gru,
}

/// Batch norm, convolution, leaky rectifier.
#[derive(Module, Debug)]
struct Block {
    norm: BatchNorm,
    conv: Conv2d,
}

impl Block {
    fn new(inputs: usize, outputs: usize, device: &Device) -> Self {
        let conv = Conv2dConfig::new([inputs, outputs], [3, 3])
            .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
            .with_bias(false);
        Self { norm: BatchNorm::new(inputs, device), conv: conv.init(device) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        leaky_relu(self.conv.forward(self.norm.forward(x)), SLOPE)
    }
}

impl Crnn {
    /// Two halvings of the time axis must leave something.
    pub const MIN_FRAMES: usize = 4;

    /// # Shapes
    /// - mel: `[batch, n_mels, frames]`;
    /// - valid_frames: `[batch]`, those that are not padding;
    /// - returns `[batch, 2 · recurrent]`.
    pub fn forward(&self, mel: Tensor<3>, valid_frames: Option<&[usize]>) -> Tensor<2> {
        let [batch, _, frames] = mel.dims();
        let pools = [Some([4, 2]), None, Some([4, 2]), None, Some([4, 1])]; // [mel bands, time]
        let mut x = mel.unsqueeze_dim::<4>(1);
        for (block, pool) in self.blocks.iter().zip(pools) {
            x = block.forward(x);
            if let Some(window) = pool {
                x = power_average(x, window);
            }
        }
        let [_, channels, bands, steps] = x.dims();
        let x = self.dropout.forward(x).reshape([batch, channels * bands, steps]).swap_dims(1, 2);
        let x = Tensor::cat(vec![self.forward.forward(x.clone()), self.backward.forward(x)], 2); // [batch, steps, 2 recurrent]
        let weights = TensorData::new(frame_weights(batch, frames, steps, valid_frames), [batch, 1, steps]);
        let pooled = Tensor::<3>::from_data(weights, &x.device()).matmul(x);
        let [_, _, outputs] = pooled.dims();
        pooled.reshape([batch, outputs])
    }
}

impl Encoder<AudioBatch> for Crnn {
    fn forward(&self, audio: AudioBatch, _seen: Option<&mut Activations>) -> Tensor<2> {
        Crnn::forward(self, audio.mel, audio.valid_frames.as_deref())
    }
}

/// Average of the fourth powers, times the size of the window, and its fourth root; what does not fill a window at
/// the end of an axis is left out.
fn power_average(x: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let size = (height * width) as f64;
    let options = AvgPoolOptions::new([height, width]).with_stride([height, width]);
    let sums = module::avg_pool2d(x.square().square(), options) * size;
    sums.clamp_min(SMALLEST).sqrt().sqrt()
}

/// The recurrent states are stretched back to the spectrogram's time axis and averaged over the
/// valid frames: both are linear, so that each state has one weight. `[batch, steps]`.
fn frame_weights(batch: usize, frames: usize, steps: usize, valid: Option<&[usize]>) -> Vec<f32> {
    let stretch = interpolation(steps, frames);
    let mut weights = Vec::with_capacity(batch * steps);
    for clip in 0..batch {
        let valid = valid.map_or(frames, |valid| valid[clip].clamp(1, frames));
        let mut sums = vec![0.0_f64; steps];
        for row in stretch.chunks_exact(steps).take(valid) {
            sums.iter_mut().zip(row).for_each(|(sum, &weight)| *sum += f64::from(weight));
        }
        weights.extend(sums.into_iter().map(|sum| (sum / valid as f64) as f32));
    }
    weights
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn padding_does_not_count_in_the_mean() {
        let weights = frame_weights(2, 16, 4, Some(&[16, 4]));
        let (whole, start) = weights.split_at(4);
        assert!(whole.iter().all(|&w| (w - 0.25).abs() < 1e-6), "{whole:?}");
        assert!((start.iter().sum::<f32>() - 1.0).abs() < 1e-6 && start[0] > 0.8, "{start:?}");
        assert_eq!(start[2..], [0.0, 0.0]);
    }

    #[test]
    fn pooling_is_a_norm_and_has_a_gradient_at_zero() {
        let device = Device::flex().autodiff();
        let x = Tensor::<4>::from_data(
            [[[[3.0_f32, 0.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]],
            &device,
        );
        let x = x.require_grad();
        let y = power_average(x.clone(), [2, 2]);
        let gradient = x.grad(&y.clone().sum().backward()).unwrap().into_data().try_into_vec::<f32>().unwrap();
        let y = y.into_data().try_into_vec::<f32>().unwrap();
        assert!((y[0] - 3.0).abs() < 1e-5 && (y[1] - 4.0_f32.powf(0.25)).abs() < 1e-5 && y[2] < 1e-5, "{y:?}");
        assert!(gradient.iter().all(|x| x.is_finite()), "{gradient:?}");
    }
    fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
        x.into_data().try_into_vec().unwrap()
    }

    #[test]
    fn pooling_leaves_out_what_fills_no_window() {
        let device = Device::flex().autodiff();
        let data: Vec<f32> = (0..2 * 7 * 5).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect();
        let x = Tensor::<4>::from_data(TensorData::new(data, [1, 2, 7, 5]), &device).require_grad();
        let y = power_average(x.clone(), [4, 2]);
        assert_eq!(y.dims(), [1, 2, 1, 2]);
        let gradient = values(x.grad(&y.clone().sum().backward()).unwrap());
        let inside = x.narrow(2, 0, 4).narrow(3, 0, 4).into_data();
        let inside = Tensor::<4>::from_data(inside, &device).require_grad();
        let expected = power_average(inside.clone(), [4, 2]);
        let inner = values(inside.grad(&expected.clone().sum().backward()).unwrap());
        assert_eq!(values(y), values(expected));
        for (i, gradient) in gradient.into_iter().enumerate() {
            let (channel, band, step) = (i / 35, i / 5 % 7, i % 5);
            let expected = if band < 4 && step < 4 { inner[(channel * 4 + band) * 4 + step] } else { 0.0 };
            assert_eq!(gradient, expected, "channel {channel}, band {band}, step {step}");
        }
    }

    #[test]
    fn any_number_of_bands_from_64_on() {
        let device = Device::flex().autodiff();
        let config = CrnnConfig { channels: 2, recurrent: 3, dropout: 0.0 };
        for n_mels in [64, 80, 100, 128, 150] {
            let model = config.init(n_mels, 9, &device).unwrap();
            let data: Vec<f32> = (0..2 * n_mels * 9).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect();
            let mel = Tensor::<3>::from_data(TensorData::new(data, [2, n_mels, 9]), &device).require_grad();
            let out = model.forward(mel.clone());
            assert_eq!(out.dims(), [2, 6]);
            let gradient = values(mel.grad(&out.sum().backward()).unwrap());
            assert!(gradient.iter().all(|x| x.is_finite()) && gradient.iter().any(|&x| x != 0.0), "{n_mels} bands");
        }
        assert!(config.init(63, 9, &device).unwrap_err().to_string().contains("log_mel.n_mels"));
    }
}
