//! Layers of the residual network, and what the inner loop gains by looking at lengths beforehand.
//!
//! Criterion's `elem/s` is floating-point operations a second. `RAYON_NUM_THREADS=1` for one core.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use muscall_kernels::{Conv, ConvNorm, Epilogue, FeatureMap, Level, Linear, Wanted};
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

/// Six rows times sixteen columns as safe code writes it, with a check at each access that the
/// compiler cannot prove away.
struct Checked<'a> {
    rows: &'a [f32],
    /// `[depth, 16]`.
    weights: &'a [f32],
    depth: usize,
    out: &'a mut [f32],
}

impl WithSimd for Checked<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (weights, _) = S::as_simd_f32s(self.weights);
        for first in (0..self.out.len() / 16).step_by(6) {
            let rows: [&[f32]; 6] = [0, 1, 2, 3, 4, 5].map(
                #[inline(always)]
                |m| &self.rows[(first + m) * self.depth..][..self.depth],
            );
            let weights = &weights[..2 * self.depth];
            let mut sums = [[simd.splat_f32s(0.0); 2]; 6];
            for i in 0..self.depth {
                let vectors = [weights[2 * i], weights[2 * i + 1]];
                for (m, sums) in sums.iter_mut().enumerate() {
                    let value = simd.splat_f32s(rows[m][i]);
                    for (sum, vector) in sums.iter_mut().zip(vectors) {
                        *sum = simd.mul_add_e_f32s(value, vector, *sum);
                    }
                }
            }
            for (m, sums) in sums.iter().enumerate() {
                let (out, _) = S::as_mut_simd_f32s(&mut self.out[(first + m) * 16..][..16]);
                out[0] = sums[0];
                out[1] = sums[1];
            }
        }
    }
}

/// On machines with eight lanes: the product of the kernels, the same with checks, and the peak.
fn inner_loop(c: &mut Criterion) {
    #[cfg(target_arch = "x86_64")]
    {
        let Some(simd) = pulp::x86::V3::try_new() else { return };
        let (rows, depth) = (1536, 512);
        let (x, weight) = (values(rows * depth), values(16 * depth));
        let linear = Linear::new(&weight, [16, depth], &[], Level::Avx2);
        let packed: Vec<f32> =
            (0..depth).flat_map(|i| (0..16).map(move |o| (i, o))).map(|(i, o)| weight[o * depth + i]).collect();
        let mut out = vec![0.0; rows * 16];
        let checked = |out: &mut [f32]| Simd::vectorize(simd, Checked { rows: &x, weights: &packed, depth, out });
        checked(&mut out);
        let expected = linear.run(&x, None);
        assert!(out.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-3), "both compute the same");
        let mut group = c.benchmark_group("inner_loop");
        group.throughput(Throughput::Elements(2 * (rows * depth * 16) as u64));
        group.bench_function("lengths checked beforehand", |b| b.iter(|| linear.run(black_box(&x), None)));
        group.bench_function("each access checked", |b| b.iter(|| checked(black_box(&mut out))));
        let rounds = rows * depth * 16 / (12 * 8);
        group.bench_function("no memory", |b| b.iter(|| Simd::vectorize(simd, Peak(rounds))));
        group.finish();
    }
}

criterion_group!(layers, inner_loop, convolution, training);
criterion_main!(layers);
