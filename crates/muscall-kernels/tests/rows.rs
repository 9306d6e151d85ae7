//! Kernels of Transformers at the sizes of real towers, against sums in double precision, on every level of this machine.
#![allow(missing_docs)]

use muscall_kernels::{Level, Linear, RowEpilogue, attention, gelu};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn values(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.random::<f32>() - 0.5).collect()
}

/// Length, heads, width of a head, and whether there is a bias: windows of HTSAT, and captions of BERT.
const SEQUENCES: [(usize, usize, usize, bool); 6] =
    [(64, 4, 24, true), (64, 2, 32, true), (3, 3, 64, false), (17, 2, 64, false), (33, 1, 8, true), (77, 2, 64, false)];

#[test]
fn attention_of_windows_and_captions() {
    for (length, heads, per_head, with_bias) in SEQUENCES {
        let width = heads * per_head;
        // Large enough for weights that are far from even.
        let qkv: Vec<f32> = values(length * 3 * width, 1).iter().map(|x| 4.0 * x).collect();
        let bias = values(if with_bias { heads * length * length } else { 0 }, 2);
        let at = |position: usize, which: usize, i: usize| f64::from(qkv[(position * 3 + which) * width + i]);
        let mut expected = vec![0.0; length * width];
        for (row, head) in (0..length * heads).map(|i| (i / heads, i % heads)) {
            let columns = head * per_head..(head + 1) * per_head;
            let weights: Vec<f64> = (0..length)
                .map(|key| {
                    let product: f64 = columns.clone().map(|j| at(row, 0, j) * at(key, 1, j)).sum();
                    let bias = bias.get((head * length + row) * length + key).map_or(0.0, |&x| f64::from(x));
                    (product / (per_head as f64).sqrt() + bias).exp()
                })
                .collect();
            let total: f64 = weights.iter().sum();
            for j in columns {
                expected[row * width + j] = (0..length).map(|key| weights[key] / total * at(key, 2, j)).sum();
            }
        }
        for level in Level::available() {
            let mut whole = vec![f32::NAN; length * width];
            attention(&qkv, 0..length, heads, &bias, &mut whole, level);
            for (found, expected) in whole.iter().zip(&expected) {
                assert!((f64::from(*found) - expected).abs() < 5e-6, "{level}, {length}: {found} {expected}");
            }
            // In whatever company a query is, the same comes of it.
            for query in [0, length / 2, length - 1] {
                let mut alone = vec![f32::NAN; width];
                attention(&qkv, query..query + 1, heads, &bias, &mut alone, level);
                assert_eq!(alone, whole[query * width..][..width], "{level}, {length}: {query}");
            }
        }
    }
}

#[test]
fn what_follows_a_linear_layer() {
    let (inputs, outputs) = (40, 70);
    let (weight, bias) = (values(inputs * outputs, 1), values(outputs, 2));
    // Tiles of every size, and some.
    for rows in (0..=25).chain([64]) {
        let (x, residual) = (values(rows * inputs, 3), values(2 * rows * outputs, 4));
        let order: Vec<usize> = (0..rows).map(|row| (row * 7 + 3) % (2 * rows)).collect();
        for level in Level::available() {
            let linear = Linear::new(&weight, [outputs, inputs], &bias, level);
            let plain = linear.run(&x, None);
            let mut activated = vec![7.0; 5];
            linear.run_into(&x, RowEpilogue { gelu: true, ..Default::default() }, &mut activated);
            let mut expected = plain.clone();
            gelu(&mut expected, level);
            assert_eq!(activated, expected, "{level}, {rows}");
            let mut added = vec![f32::NAN; rows * outputs];
            let epilogue = RowEpilogue { residual: Some(&residual), residual_order: &order, gelu: false };
            linear.run_to(&x, epilogue, &mut added);
            for (i, (found, plain)) in added.iter().zip(&plain).enumerate() {
                let other = residual[order[i / outputs] * outputs + i % outputs];
                assert_eq!(*found, plain + other, "{level}, {rows}: {i}");
            }
        }
    }
}

/// A row has the same bits alone, in any tile and on any number of threads.
#[test]
fn company_and_threads_change_nothing() {
    let (rows, inputs, outputs) = (131, 96, 288);
    let (x, weight) = (values(rows * inputs, 1), values(inputs * outputs, 2));
    for level in Level::available() {
        let linear = Linear::new(&weight, [outputs, inputs], &[], level);
        let alone: Vec<f32> = x.chunks(inputs).flat_map(|row| linear.run(row, None)).collect();
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            assert_eq!(pool.install(|| linear.run(&x, None)), alone, "{level}, {threads}");
        }
    }
}
