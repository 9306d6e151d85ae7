//! The training form of convolution and norm against double precision: values, and gradients against
//! finite differences of a float64 implementation.
#![allow(missing_docs, clippy::needless_range_loop)]

use muscall_kernels::{ConvNorm, Level, NormedRef, Wanted, average2x2_backward};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn values(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| f64::from(rng.random::<f32>() - 0.5)).collect()
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&x| x as f32).collect()
}

#[derive(Clone)]
struct Reference {
    dims: [usize; 4],
    layer: [usize; 3],
    stride: usize,
    relu: bool,
    x: Vec<f64>,
    weight: Vec<f64>,
    gain: Vec<f64>,
    offset: Vec<f64>,
    residual: Vec<f64>,
}

impl Reference {
    fn new(dims: [usize; 4], layer: [usize; 3], stride: usize, relu: bool, residual: bool, seed: u64) -> Self {
        let [images, height, width, inputs] = dims;
        let [outputs, _, kernel] = layer;
        let out = images * height.div_ceil(stride) * width.div_ceil(stride) * outputs;
        Self {
            dims,
            layer,
            stride,
            relu,
            x: values(images * height * width * inputs, seed),
            weight: values(outputs * inputs * kernel * kernel, seed + 1),
            gain: values(outputs, seed + 2).iter().map(|x| x + 1.0).collect(),
            offset: values(outputs, seed + 3),
            residual: if residual { values(out, seed + 4) } else { Vec::new() },
        }
    }

    /// Convolution, then everything; as `[pixels, outputs]`.
    fn forward(&self) -> (Vec<f64>, Vec<f64>) {
        let ([images, height, width, inputs], [outputs, _, kernel]) = (self.dims, self.layer);
        let (out_height, out_width, reach) = (height.div_ceil(self.stride), width.div_ceil(self.stride), kernel / 2);
        let mut y = Vec::new();
        for image in 0..images {
            for row in 0..out_height {
                for column in 0..out_width {
                    for output in 0..outputs {
                        let mut sum = 0.0;
                        for ky in 0..kernel {
                            for kx in 0..kernel {
                                let (r, c) = (row * self.stride + ky, column * self.stride + kx);
                                if r < reach || c < reach || r - reach >= height || c - reach >= width {
                                    continue;
                                }
                                let pixel = ((image * height + r - reach) * width + c - reach) * inputs;
                                for input in 0..inputs {
                                    let tap = ((output * inputs + input) * kernel + ky) * kernel + kx;
                                    sum += self.x[pixel + input] * self.weight[tap];
                                }
                            }
                        }
                        y.push(sum);
                    }
                }
            }
        }
        let count = (y.len() / outputs) as f64;
        let mut out = y.clone();
        for output in 0..outputs {
            let own = || y.iter().skip(output).step_by(outputs);
            let mean = own().sum::<f64>() / count;
            let variance = own().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
            for (place, value) in out.iter_mut().enumerate().skip(output).step_by(outputs) {
                let residual = self.residual.get(place).copied().unwrap_or(0.0);
                *value =
                    (*value - mean) / (variance + 1e-5).sqrt() * self.gain[output] + self.offset[output] + residual;
                if self.relu {
                    *value = value.max(0.0);
                }
            }
        }
        (out, y)
    }

    /// A loss that weighs every output, and its gradient.
    fn loss(&self, factors: &[f64]) -> f64 {
        self.forward().0.iter().zip(factors).map(|(x, f)| x * f).sum()
    }

    fn check(&self, seed: u64) {
        let (expected, convolved) = self.forward();
        let factors = values(expected.len(), seed + 9);
        let single_of = [&self.x, &self.weight, &self.gain, &self.offset, &self.residual].map(|v| single(v));
        let [x, weight, gain, offset, residual] = &single_of;
        for level in Level::available() {
            let layer = ConvNorm {
                weight,
                dims: self.layer,
                stride: self.stride,
                gain,
                offset,
                epsilon: 1e-5,
                relu: self.relu,
                level,
            };
            let residual = (!residual.is_empty()).then_some(residual.as_slice());
            let found = layer.forward(x, self.dims, residual);
            let terms = (self.layer[1] * 9) as f64;
            for (found, expected) in found.convolved.iter().zip(&convolved) {
                assert!((f64::from(*found) - expected).abs() < 1e-7 * (terms + 8.0), "{level}: {found} {expected}");
            }
            for (found, expected) in found.out.iter().zip(&expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-3, "{level}: {found} {expected}");
            }
            let with_x = self.stride == 1;
            let wanted = Wanted { x: with_x, residual: residual.is_some() };
            let gradients = layer.backward(x, self.dims, found.as_ref(), single(&factors), wanted);
            let forgotten = NormedRef { convolved: &[], ..found.as_ref() };
            let again = layer.backward(x, self.dims, forgotten, single(&factors), wanted);
            assert!(again == gradients, "{level}: convolving again changes nothing");
            let mut parts: Vec<(&str, &[f32])> =
                vec![("weight", &gradients.weight), ("gain", &gradients.gain), ("offset", &gradients.offset)];
            if with_x {
                parts.push(("x", &gradients.x));
            }
            if residual.is_some() {
                parts.push(("residual", &gradients.residual));
            }
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            for (name, found) in parts {
                let scale = found.iter().map(|x| f64::from(x.abs())).fold(0.0, f64::max).max(1.0);
                for _ in 0..12 {
                    let place = rng.random_range(0..found.len());
                    let slope = |step: f64| {
                        let moved = |step: f64| {
                            let mut other = self.clone();
                            let values = match name {
                                "weight" => &mut other.weight,
                                "gain" => &mut other.gain,
                                "offset" => &mut other.offset,
                                "x" => &mut other.x,
                                _ => &mut other.residual,
                            };
                            values[place] += step;
                            other.loss(&factors)
                        };
                        (moved(step) - moved(-step)) / (2.0 * step)
                    };
                    let (expected, finer) = (slope(1e-6), slope(1e-7));
                    // Where a ReLU switches between the two, there is no slope to compare with.
                    if (expected - finer).abs() > 1e-4 * scale {
                        continue;
                    }
                    let found = f64::from(found[place]);
                    assert!((found - expected).abs() < 2e-3 * scale, "{level}: {name}[{place}]: {found} {expected}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn values_and_gradients(
        (images, height, width) in (1_usize..10, 1_usize..8, 2_usize..9),
        (inputs, outputs) in (1_usize..40, 1_usize..40),
        three in any::<bool>(), strided in any::<bool>(), relu in any::<bool>(), residual in any::<bool>(), seed in 0_u64..1000,
    ) {
        // With few pixels the variance of a channel can be next to nothing, and slopes steep.
        prop_assume!(images * height.div_ceil(2) * width.div_ceil(2) >= 12);
        // Many images are small ones, so that the test is a short one.
        prop_assume!(images * height * width <= 72);
        let kernel = if three { 3 } else { 1 };
        let stride = if strided { 2 } else { 1 };
        Reference::new([images, height, width, inputs], [outputs, inputs, kernel], stride, relu, residual, seed).check(seed);
    }

    #[test]
    fn pooling((images, height, width, channels) in (1_usize..10, 2_usize..7, 2_usize..7, 1_usize..9), seed in 0_u64..1000) {
        let gradient = single(&values(images * (height / 2) * (width / 2) * channels, seed));
        let found = average2x2_backward(&gradient, [images, height, width, channels]);
        for (i, &found) in found.iter().enumerate() {
            let (c, rest) = (i % channels, i / channels);
            let (column, rest) = (rest % width / 2, rest / width);
            let (y, image) = (rest % height / 2, rest / height);
            let inside = column < width / 2 && y < height / 2;
            let expected = if inside { 0.25 * gradient[((image * (height / 2) + y) * (width / 2) + column) * channels + c] } else { 0.0 };
            prop_assert_eq!(found, expected);
        }
    }
}

#[test]
fn weights_enough_to_be_shared_by_threads() {
    Reference::new([2, 4, 5, 100], [80, 100, 3], 1, true, true, 3).check(3);
}

#[test]
fn channels_enough_for_winograd() {
    Reference::new([2, 5, 7, 32], [48, 32, 3], 1, true, false, 4).check(4);
    Reference::new([1, 4, 6, 64], [32, 64, 3], 1, false, true, 5).check(5);
    Reference::new([9, 3, 2, 32], [32, 32, 3], 1, true, true, 6).check(6);
}

#[test]
fn as_many_channels_as_a_resnet_50_has() {
    Reference::new([2, 3, 3, 2048], [8, 2048, 1], 1, true, true, 7).check(7);
    Reference::new([2, 3, 3, 8], [2048, 8, 1], 1, true, false, 8).check(8);
}

#[test]
fn what_is_not_a_number_is_not_clipped() {
    for level in Level::available() {
        let layer = ConvNorm {
            weight: &[1.0; 6],
            dims: [2, 3, 1],
            stride: 1,
            gain: &[1.0; 2],
            offset: &[0.0; 2],
            epsilon: 1e-5,
            relu: true,
            level,
        };
        let mut x = vec![1.0; 12];
        x[4] = f32::NAN;
        assert!(layer.forward(&x, [1, 2, 2, 3], None).out.iter().any(|x| x.is_nan()), "{level}");
    }
}

/// What is written without looking is as long as these.
#[test]
#[should_panic(expected = "a mean and a variance per channel")]
fn statistics_of_other_channels_are_refused() {
    let layer = ConvNorm {
        weight: &[1.0; 100],
        dims: [100, 1, 1],
        stride: 1,
        gain: &[1.0; 100],
        offset: &[0.0; 100],
        epsilon: 1e-5,
        relu: true,
        level: Level::best(),
    };
    let values = vec![1.0; 200];
    let normed = NormedRef { out: &values, convolved: &values, mean: &[0.0; 100], variance: &[1.0; 70] };
    layer.backward(&[1.0; 2], [1, 1, 2, 1], normed, values.clone(), Wanted { x: true, residual: true });
}
