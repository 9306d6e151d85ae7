//! Kernels against sums in double precision, for random shapes, on every level of this machine.
#![allow(missing_docs, clippy::needless_range_loop)]

use muscall_kernels::{
    Conv, Epilogue, FeatureMap, Level, Linear, append_average2x2, attention, average2x2, causal_attention, read_out,
    weighted_sum,
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn values(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.random::<f32>() - 0.5).collect()
}

/// `found` is a float32 sum of `terms` products below one.
fn close(found: f32, expected: f64, terms: usize) -> bool {
    (f64::from(found) - expected).abs() <= 1e-7 * (terms as f64 + 8.0) * (expected.abs() + 1.0)
}

struct Case {
    dims: [usize; 4],
    outputs: usize,
    kernel: usize,
    stride: usize,
}

impl Case {
    fn output_dims(&self) -> [usize; 4] {
        let [n, h, w, _] = self.dims;
        [n, h.div_ceil(self.stride), w.div_ceil(self.stride), self.outputs]
    }

    fn expected(&self, x: &[f32], weight: &[f32], bias: &[f32], residual: &[f32], relu: bool) -> Vec<f64> {
        let [images, height, width, inputs] = self.dims;
        let [_, out_height, out_width, outputs] = self.output_dims();
        let reach = self.kernel / 2;
        let mut out = Vec::new();
        for image in 0..images {
            for y in 0..out_height {
                for column in 0..out_width {
                    for output in 0..outputs {
                        let mut sum = f64::from(bias[output]) + residual.get(out.len()).map_or(0.0, |&x| f64::from(x));
                        for ky in 0..self.kernel {
                            for kx in 0..self.kernel {
                                let (row, place) = (y * self.stride + ky, column * self.stride + kx);
                                if row < reach || place < reach || row - reach >= height || place - reach >= width {
                                    continue;
                                }
                                for input in 0..inputs {
                                    let pixel = (image * height + row - reach) * width + place - reach;
                                    let tap =
                                        (output * inputs + input) * self.kernel * self.kernel + ky * self.kernel + kx;
                                    sum += f64::from(x[pixel * inputs + input]) * f64::from(weight[tap]);
                                }
                            }
                        }
                        out.push(if relu { sum.max(0.0) } else { sum });
                    }
                }
            }
        }
        out
    }

    fn check(&self, relu: bool, with_residual: bool, seed: u64) {
        let [images, height, width, inputs] = self.dims;
        let x = values(images * height * width * inputs, seed);
        let weight = values(self.outputs * inputs * self.kernel * self.kernel, seed + 1);
        let bias = values(self.outputs, seed + 2);
        let dims = self.output_dims();
        let residual = if with_residual { values(dims.iter().product(), seed + 3) } else { Vec::new() };
        let expected = self.expected(&x, &weight, &bias, &residual, relu);
        for level in Level::available() {
            let conv = Conv::new(&weight, [self.outputs, inputs, self.kernel], self.stride, &bias, level);
            let map = FeatureMap::new(&x, self.dims, self.kernel / 2);
            let residual = with_residual.then(|| FeatureMap::new(&residual, dims, 1));
            let epilogue = Epilogue { residual: residual.as_ref().map(FeatureMap::view), relu };
            // Memory that held something else.
            let mut out = FeatureMap::new(&values(1 << 12, 9), [1, 64, 64, 1], 0);
            for border in [0, 1] {
                conv.run(&map, epilogue, &mut out, border);
                assert_eq!(out.dims(), dims);
                for (found, expected) in out.to_vec().into_iter().zip(&expected) {
                    assert!(close(found, *expected, inputs * 9), "{level}: {found} {expected}");
                }
            }
            // The border is zero: a 3×3 average of ones says so.
            let ones = Conv::new(&vec![1.0; self.outputs * 9], [1, self.outputs, 3], 1, &[], level);
            let mut sums = FeatureMap::default();
            ones.run(&out, Epilogue::default(), &mut sums, 0);
            let corner: f64 = expected_corner(&expected, dims);
            assert!(close(sums.to_vec()[0], corner, 9 * self.outputs), "{level}: {} {corner}", sums.to_vec()[0]);
        }
    }
}

fn expected_corner(values: &[f64], [_, height, width, channels]: [usize; 4]) -> f64 {
    let pixel = |y: usize, x: usize| values[(y * width + x) * channels..][..channels].iter().sum::<f64>();
    (0..2.min(height)).flat_map(|y| (0..2.min(width)).map(move |x| (y, x))).map(|(y, x)| pixel(y, x)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn convolution(
        (images, height, width) in (1_usize..10, 1_usize..8, 1_usize..20),
        (inputs, outputs) in (1_usize..71, 1_usize..71),
        three in any::<bool>(), stride in 1_usize..3, relu in any::<bool>(), residual in any::<bool>(), seed in 0_u64..1000,
    ) {
        let kernel = if three { 3 } else { 1 };
        Case { dims: [images, height, width, inputs], outputs, kernel, stride }.check(relu, residual, seed);
    }

    /// Channels enough for Winograd's transforms.
    #[test]
    fn wide_convolution(
        (images, height, width) in (1_usize..10, 1_usize..7, 1_usize..18),
        (inputs, outputs) in (2_usize..6, 2_usize..6),
        relu in any::<bool>(), residual in any::<bool>(), seed in 0_u64..1000,
    ) {
        Case { dims: [images, height, width, 16 * inputs], outputs: 16 * outputs, kernel: 3, stride: 1 }.check(relu, residual, seed);
    }

    #[test]
    fn linear((rows, inputs, outputs) in (0_usize..40, 1_usize..130, 1_usize..70), bias in any::<bool>(), seed in 0_u64..1000) {
        let (x, weight) = (values(rows * inputs, seed), values(outputs * inputs, seed + 1));
        let bias = if bias { values(outputs, seed + 2) } else { Vec::new() };
        let residual = values(rows * outputs, seed + 3);
        for level in Level::available() {
            let out = Linear::new(&weight, [outputs, inputs], &bias, level).run(&x, Some(&residual));
            prop_assert_eq!(out.len(), rows * outputs);
            for (i, &found) in out.iter().enumerate() {
                let (row, output) = (i / outputs, i % outputs);
                let product: f64 = (0..inputs).map(|j| f64::from(x[row * inputs + j]) * f64::from(weight[output * inputs + j])).sum();
                let expected = product + f64::from(residual[i]) + bias.get(output).map_or(0.0, |&b| f64::from(b));
                prop_assert!(close(found, expected, inputs), "{level}: {found} {expected}");
            }
        }
    }

    #[test]
    fn attention_to_what_is_before((length, heads, per_head) in (1_usize..20, 1_usize..4, 1_usize..20), seed in 0_u64..1000) {
        let width = heads * per_head;
        let qkv = values(length * 3 * width, seed);
        let at = |position: usize, which: usize, i: usize| f64::from(qkv[(position * 3 + which) * width + i]);
        for level in Level::available() {
            for queries in [0..length, length - 1..length] {
                let mut out = vec![0.0; queries.len() * width];
                causal_attention(&qkv, queries.clone(), heads, &mut out, level);
                for (i, &found) in out.iter().enumerate() {
                    let (query, place) = (queries.start + i / width, i % width);
                    let head = place / per_head * per_head..(place / per_head + 1) * per_head;
                    let score = |key: usize| head.clone().map(|j| at(query, 0, j) * at(key, 1, j)).sum::<f64>() / (per_head as f64).sqrt();
                    let weights: Vec<f64> = (0..=query).map(|key| score(key).exp()).collect();
                    let total: f64 = weights.iter().sum();
                    let expected: f64 = weights.iter().enumerate().map(|(key, weight)| weight / total * at(key, 2, place)).sum();
                    prop_assert!((f64::from(found) - expected).abs() < 1e-5, "{level}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn attention_both_ways((length, heads, per_head) in (1_usize..40, 1_usize..4, 1_usize..20), with_bias in any::<bool>(), seed in 0_u64..1000) {
        let width = heads * per_head;
        let qkv = values(length * 3 * width, seed);
        let bias = values(if with_bias { heads * length * length } else { 0 }, seed + 1);
        let at = |position: usize, which: usize, i: usize| f64::from(qkv[(position * 3 + which) * width + i]);
        for level in Level::available() {
            for queries in [0..length, 0..1, length - 1..length] {
                let mut out = vec![0.0; queries.len() * width];
                attention(&qkv, queries.clone(), heads, &bias, &mut out, level);
                for (i, &found) in out.iter().enumerate() {
                    let (query, place) = (queries.start + i / width, i % width);
                    let number = place / per_head;
                    let head = number * per_head..(number + 1) * per_head;
                    let score = |key: usize| {
                        let product = head.clone().map(|j| at(query, 0, j) * at(key, 1, j)).sum::<f64>() / (per_head as f64).sqrt();
                        product + bias.get((number * length + query) * length + key).map_or(0.0, |&bias| f64::from(bias))
                    };
                    let weights: Vec<f64> = (0..length).map(|key| score(key).exp()).collect();
                    let total: f64 = weights.iter().sum();
                    let expected: f64 = weights.iter().enumerate().map(|(key, weight)| weight / total * at(key, 2, place)).sum();
                    prop_assert!((f64::from(found) - expected).abs() < 1e-5, "{level}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn reading_out((length, width, heads) in (1_usize..40, 1_usize..40, 1_usize..5), seed in 0_u64..1000) {
        let (positions, directions) = (values(length * width, seed), values(heads * width, seed + 1));
        for level in Level::available() {
            let mut out = vec![0.0; heads * width];
            read_out(&positions, &directions, width, &mut out, level);
            for (i, &found) in out.iter().enumerate() {
                let direction = &directions[i / width * width..][..width];
                let score = |p: &[f32]| p.iter().zip(direction).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>().exp();
                let total: f64 = positions.chunks(width).map(score).sum();
                let expected: f64 = positions.chunks(width).map(|p| score(p) / total * f64::from(p[i % width])).sum();
                prop_assert!((f64::from(found) - expected).abs() < 1e-5, "{level}: {found} {expected}");
            }
            let mut sum = vec![f32::NAN; width];
            weighted_sum(&positions, &values(length, seed + 2), &mut sum, level);
            let factors = values(length, seed + 2);
            for (i, &found) in sum.iter().enumerate() {
                let expected: f64 = factors.iter().enumerate().map(|(p, &a)| f64::from(a) * f64::from(positions[p * width + i])).sum();
                prop_assert!(close(found, expected, length), "{level}: {found} {expected}");
            }
        }
    }

    #[test]
    fn pooling((images, height, width, channels) in (1_usize..10, 2_usize..9, 2_usize..9, 1_usize..20), seed in 0_u64..1000) {
        let x = values(images * height * width * channels, seed);
        let mut out = FeatureMap::default();
        average2x2(&FeatureMap::new(&x, [images, height, width, channels], 1), &mut out, 1);
        prop_assert_eq!(out.dims(), [images, height / 2, width / 2, channels]);
        let at = |n: usize, y: usize, column: usize, c: usize| f64::from(x[((n * height + y) * width + column) * channels + c]);
        for (i, &found) in out.to_vec().iter().enumerate() {
            let (c, rest) = (i % channels, i / channels);
            let (column, rest) = (rest % (width / 2), rest / (width / 2));
            let (y, n) = (rest % (height / 2), rest / (height / 2));
            let sum: f64 = [(0, 0), (0, 1), (1, 0), (1, 1)].iter().map(|(a, b)| at(n, 2 * y + a, 2 * column + b, c)).sum();
            prop_assert!(close(found, sum / 4.0, 4));
        }
    }
}

#[test]
fn the_widest_layers_of_a_resnet_50() {
    Case { dims: [1, 2, 3, 2048], outputs: 512, kernel: 1, stride: 1 }.check(true, true, 5);
    Case { dims: [9, 4, 5, 64], outputs: 64, kernel: 3, stride: 1 }.check(true, false, 6);
    Case { dims: [1, 1, 1, 1], outputs: 8, kernel: 3, stride: 2 }.check(false, false, 7);
}

#[test]
fn threads_change_nothing() {
    let (x, weight) = (values(40 * 300 * 16, 1), values(32 * 16 * 9, 2));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.map(|pool| {
            pool.install(|| {
                let mut out = FeatureMap::default();
                let conv = Conv::new(&weight, [32, 16, 3], 1, &[], Level::best());
                conv.run(&FeatureMap::new(&x, [1, 40, 300, 16], 1), Epilogue::default(), &mut out, 0);
                out.to_vec()
            })
        })
        .ok()
    };
    assert!(run(1).is_some());
    assert_eq!(run(1), run(3));
}

#[test]
fn what_is_not_a_number_is_not_clipped() {
    for level in Level::available() {
        for outputs in [4, 8, 24] {
            let conv = Conv::new(&vec![f32::NAN; outputs * 3], [outputs, 3, 1], 1, &[], level);
            let mut out = FeatureMap::default();
            conv.run(
                &FeatureMap::new(&[1.0; 12], [1, 2, 2, 3], 0),
                Epilogue { residual: None, relu: true },
                &mut out,
                0,
            );
            assert!(out.to_vec().iter().all(|x| x.is_nan()), "{level}: {:?}", out.to_vec());
        }
    }
}

/// A tall map that comes in pieces, each with the rows around what is computed of it, and its outputs one below the
/// other.
#[test]
fn rows_of_a_map_are_those_of_the_whole_to_the_bit() {
    for level in Level::available() {
        for [inputs, outputs, kernel, stride] in
            [[3, 5, 3, 1], [1, 8, 3, 2], [32, 48, 3, 1], [20, 33, 1, 1], [64, 32, 3, 1]]
        {
            let [height, width] = [37, 6];
            let x = values(height * width * inputs, 1);
            let (weight, bias) = (values(outputs * inputs * kernel * kernel, 2), values(outputs, 3));
            let conv = Conv::new(&weight, [outputs, inputs, kernel], stride, &bias, level);
            let map = FeatureMap::new(&x, [1, height, width, inputs], conv.border());
            let dims = conv.output_dims(&map);
            let residual = FeatureMap::new(&values(dims.iter().product(), 4), dims, 1);
            let (mut whole, mut pooled) = (FeatureMap::default(), FeatureMap::default());
            conv.run(&map, Epilogue { residual: Some(residual.view()), relu: true }, &mut whole, 0);
            average2x2(&whole, &mut pooled, 0);
            for cuts in [vec![37], vec![2, 4, 20, 37], vec![10, 10, 12, 37]] {
                let mut found = FeatureMap::new(&[], [1, 0, dims[2], outputs], 1);
                let mut means = FeatureMap::new(&[], [1, 0, dims[2] / 2, outputs], 1);
                let mut from = 0;
                for to in cuts {
                    // What is there of the map by then.
                    let there = FeatureMap::new(
                        &x[..(to + 2).min(height) * width * inputs],
                        [1, (to + 2).min(height), width, inputs],
                        conv.border(),
                    );
                    let done = from / stride..to.div_ceil(stride);
                    let epilogue = Epilogue { residual: Some(residual.view().rows(done.clone())), relu: true };
                    conv.append(there.view().rows(from..to), epilogue, &mut found);
                    append_average2x2(whole.view().rows(done), &mut means);
                    from = to;
                }
                assert_eq!(found.to_vec(), whole.to_vec(), "{level}");
                assert_eq!(found.dims(), whole.dims());
                if stride == 1 {
                    assert_eq!(means.to_vec(), pooled.to_vec());
                }
                let mut more = FeatureMap::new(&[], [1, 0, dims[2], outputs], 1);
                more.append(&whole.to_vec()[..5 * dims[2] * outputs]);
                more.append(&whole.to_vec()[5 * dims[2] * outputs..]);
                assert_eq!(more.to_vec(), found.to_vec());
                // Borders and all: a convolution that reads them gives the same.
                let three = Conv::new(&values(outputs * 9, 5), [1, outputs, 3], 1, &[], level);
                let (mut of_found, mut of_more) = (FeatureMap::default(), FeatureMap::default());
                three.run(&found, Epilogue::default(), &mut of_found, 0);
                three.run(&more, Epilogue::default(), &mut of_more, 0);
                assert_eq!(of_found.to_vec(), of_more.to_vec());
            }
        }
    }
}
