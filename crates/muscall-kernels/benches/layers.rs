//! Layers of the residual network, and what the inner loop gains by looking at lengths beforehand.
//!
//! Criterion's `elem/s` is floating-point operations per second. `RAYON_NUM_THREADS=1` for one core.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use muscall_kernels::{Conv, ConvNorm, Epilogue, FeatureMap, Level, Linear, RowLinear, Rows, Wanted};
use pulp::{Simd, WithSimd};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Inputs, outputs, kernel, height, width.
const LAYERS: [[usize; 5]; 8] = [
    [8, 8, 3, 64, 313],
    [16, 16, 3, 32, 156],
    [16, 64, 1, 32, 156],
    [64, 64, 3, 8, 39],
    [128, 512, 1, 4, 19],
    [64, 64, 3, 32, 156],
    [256, 1024, 1, 8, 39],
    [512, 512, 3, 4, 19],
];

fn values(count: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(count as u64);
    (0..count).map(|_| rng.random::<f32>() - 0.5).collect()
}

fn convolution(c: &mut Criterion) {
    let mut group = c.benchmark_group("convolution");
    group.sample_size(20);
    for [inputs, outputs, kernel, height, width] in LAYERS {
        let weight = values(outputs * inputs * kernel * kernel);
        let conv = Conv::new(&weight, [outputs, inputs, kernel], 1, &values(outputs), Level::best());
        let x = FeatureMap::new(&values(height * width * inputs), [1, height, width, inputs], kernel / 2);
        let mut out = FeatureMap::default();
        group.throughput(Throughput::Elements(2 * (weight.len() * height * width) as u64));
        group.bench_function(format!("{inputs} to {outputs}, {kernel}x{kernel}, {height}x{width}"), |b| {
            b.iter(|| conv.run(black_box(&x), Epilogue { residual: None, relu: true }, &mut out, 0));
        });
    }
    group.finish();
}

/// Products of a text tower (inputs, outputs), of so many tokens: with packed weights, and with weights where they lie.
fn words(c: &mut Criterion) {
    let mut group = c.benchmark_group("words");
    group.sample_size(20);
    for [inputs, outputs] in [[768, 768], [768, 3072], [3072, 768]] {
        let (weight, bias) = (values(outputs * inputs), values(outputs));
        let packed = Linear::new(&weight, [outputs, inputs], &bias, Level::best());
        let in_rows = RowLinear::new(vec![Rows::new(weight, inputs)], bias, Level::best());
        for tokens in [3, 10, 40, 320] {
            let x = values(tokens * inputs);
            group.throughput(Throughput::Elements(2 * (inputs * outputs * tokens) as u64));
            group.bench_function(format!("{inputs} to {outputs}, {tokens} tokens, packed"), |b| {
                b.iter(|| packed.run(black_box(&x), None));
            });
            group.bench_function(format!("{inputs} to {outputs}, {tokens} tokens, in rows"), |b| {
                b.iter(|| in_rows.run(black_box(&x), None));
            });
        }
    }
    group.finish();
}

/// Forward and backward, of a batch of four.
fn training(c: &mut Criterion) {
    muscall_kernels::keep_freed_memory();
    let mut group = c.benchmark_group("training");
    group.sample_size(10);
    for [inputs, outputs, kernel, height, width] in LAYERS {
        let (weight, gain, offset) = (values(outputs * inputs * kernel * kernel), values(outputs), values(outputs));
        let dims = [4, height, width, inputs];
        let layer = ConvNorm {
            weight: &weight,
            dims: [outputs, inputs, kernel],
            stride: 1,
            gain: &gain,
            offset: &offset,
            epsilon: 1e-5,
            relu: true,
            level: Level::best(),
        };
        let (x, gradient) = (values(dims.iter().product()), values(4 * height * width * outputs));
        group.throughput(Throughput::Elements(3 * 2 * (weight.len() * 4 * height * width) as u64));
        group.bench_function(format!("{inputs} to {outputs}, {kernel}x{kernel}, {height}x{width}"), |b| {
            b.iter(|| {
                let normed = layer.forward(&x, dims, None);
                layer.backward(&x, dims, normed.as_ref(), gradient.clone(), Wanted { x: true, residual: false })
            });
        });
    }
    group.finish();
}

/// Fused multiply-adds without memory: the peak of the machine.
struct Peak(usize);

impl WithSimd for Peak {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (a, b) = (simd.splat_f32s(black_box(0.999)), simd.splat_f32s(black_box(0.001)));
        let mut sums = [a; 12];
        for _ in 0..self.0 {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(*sum, a, b);
            }
        }
        sums.iter().map(|sum| simd.reduce_sum_f32s(*sum)).sum()
    }
}

/// A 3×3 layer of eight channels as safe code writes it: the same tile of twelve pixels, with a check
/// at each access that the compiler cannot prove away.
struct Checked<'a> {
    /// `[height + 2, width + 2, 8]`, with a border of zeros.
    x: &'a [f32],
    /// `[3, 24, 8]`.
    weights: &'a [f32],
    width: usize,
    /// `[height, width, 8]`.
    out: &'a mut [f32],
}

impl WithSimd for Checked<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (weights, _) = S::as_simd_f32s(self.weights);
        for (y, out) in self.out.chunks_exact_mut(self.width * 8).enumerate() {
            let (out, _) = S::as_mut_simd_f32s(out);
            for (tile, out) in out.chunks_mut(12).enumerate() {
                let mut sums = [simd.splat_f32s(0.0); 12];
                for (tap, weights) in weights.chunks_exact(24).enumerate() {
                    let mut rows = [self.x; 12];
                    for (m, row) in rows.iter_mut().enumerate() {
                        let pixel = (y + tap) * (self.width + 2) + tile * 12 + m.min(out.len() - 1);
                        *row = &self.x[pixel * 8..][..24];
                    }
                    for (i, &weight) in weights.iter().enumerate() {
                        for (row, sum) in rows.iter().zip(&mut sums) {
                            *sum = simd.mul_add_e_f32s(simd.splat_f32s(row[i]), weight, *sum);
                        }
                    }
                }
                for (out, sum) in out.iter_mut().zip(sums) {
                    *out = sum;
                }
            }
        }
    }
}

/// On machines with eight lanes: a narrow layer of the kernels, the same with checks, and the peak.
fn inner_loop(c: &mut Criterion) {
    #[cfg(target_arch = "x86_64")]
    {
        let Some(simd) = pulp::x86::V3::try_new() else { return };
        let (height, width) = (64, 313);
        let (x, weight) = (values(height * width * 8), values(8 * 8 * 9));
        let conv = Conv::new(&weight, [8, 8, 3], 1, &[], Level::Avx2);
        let map = FeatureMap::new(&x, [1, height, width, 8], 1);
        let mut padded = vec![0.0; (height + 2) * (width + 2) * 8];
        for (y, row) in x.chunks_exact(width * 8).enumerate() {
            padded[((y + 1) * (width + 2) + 1) * 8..][..width * 8].copy_from_slice(row);
        }
        let packed: Vec<f32> = (0..72)
            .flat_map(|depth| (0..8).map(move |output| (depth, output)))
            .map(|(depth, output)| weight[(output * 8 + depth % 8) * 9 + depth / 8])
            .collect();
        let mut out = vec![0.0; x.len()];
        let checked = |out: &mut [f32]| Simd::vectorize(simd, Checked { x: &padded, weights: &packed, width, out });
        let mut expected = FeatureMap::default();
        conv.run(&map, Epilogue::default(), &mut expected, 0);
        checked(&mut out);
        assert!(out.iter().zip(expected.to_vec()).all(|(a, b)| (a - b).abs() < 1e-4), "both compute the same");
        let mut group = c.benchmark_group("inner_loop");
        group.throughput(Throughput::Elements(2 * (weight.len() * height * width) as u64));
        group.bench_function("lengths checked beforehand", |b| {
            b.iter(|| conv.run(black_box(&map), Epilogue::default(), &mut expected, 0));
        });
        group.bench_function("each access checked", |b| b.iter(|| checked(black_box(&mut out))));
        let rounds = weight.len() * height * width / (12 * 8);
        group.bench_function("no memory", |b| b.iter(|| Simd::vectorize(simd, Peak(rounds))));
        group.finish();
    }
}

criterion_group!(layers, inner_loop, convolution, words, training);
criterion_main!(layers);
