//! What a student should beat: a linear map from simple statistics of the sound, and itself before it has learned.

use burn::tensor::Device;
use muscall_audio::{Clip, LogMelExtractor};
use muscall_model::Muscall;
use rayon::prelude::*;

use super::nearness::Side;
use crate::TrainError;
use crate::recipe::Recipe;
use crate::trainee::Trainee;

/// How much the squares of the map's numbers count, of which the best on a part of the training rows is taken.
const PENALTIES: [f64; 5] = [1e-3, 1e-2, 1e-1, 1.0, 10.0];
/// Every so many windows, one is not learned from and chooses the penalty.
const CHOSEN_ON: usize = 10;

/// Which part of the teacher's variance on the windows of `held` a ridge regression explains that was fitted to those of
/// `train`: from the mean and the deviation of each band of a log-mel spectrogram over time.
///
/// # Errors
/// As [`nearness`](super::nearness()).
pub fn ridge(
    frontend: &LogMelExtractor,
    student: &Muscall,
    [train, held]: [Side<'_>; 2],
    progress: &mut dyn FnMut(usize, usize),
) -> Result<f64, TrainError> {
    let (bands, dim) = (frontend.config().n_mels, student.config().projection_dim);
    let statistics = |clips: &[Clip]| {
        let row = |clip: &Clip| {
            let mel = frontend.extract(&clip.samples)?;
            // `[n_mels, frames]`
            Ok(mel.values().chunks_exact(mel.values().len() / bands).flat_map(moments).collect())
        };
        let rows: Result<Vec<Vec<f32>>, TrainError> = clips.par_iter().map(row).collect();
        Ok(rows?.concat())
    };
    let config = student.clip_config();
    let mut of_side = |side: Side<'_>| {
        let right = side.teacher_windows(progress)?;
        side.each_window(&right, &config, statistics, progress)
    };
    let (train, mut held) = (of_side(train)?, of_side(held)?);
    let map = LinearMap::fit(&train.found, &train.right, 2 * bands, dim);
    held.found = held.found.chunks_exact(2 * bands).flat_map(|row| map.apply(row)).collect();
    Ok(held.explained(dim))
}

/// Mean and standard deviation.
fn moments(values: &[f32]) -> [f32; 2] {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let variance = values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
    [mean as f32, variance.sqrt() as f32]
}

/// A student before its first step: the recipe's random weights, and the teacher's on the side that stays.
///
/// # Errors
/// [`TrainError::Model`] if the recipe's model is not valid.
pub fn untrained(recipe: &Recipe, teacher: &Muscall, device: &Device) -> Result<Muscall, TrainError> {
    let trainee = {
        let _draws = crate::draws::seeded(device, recipe.seed);
        Trainee::new(recipe, &device.clone().autodiff())?
    };
    let mut state = trainee.state();
    state.extend(teacher.state()?.into_owned().into_iter().filter(|(name, _)| !recipe.trains(name)));
    let frontend = teacher.text_frontend().clone();
    Ok(Muscall::from_state(recipe.model.clone(), state, "an untrained student", frontend, device)?)
}

/// A linear map from standardised numbers.
struct LinearMap {
    mean: Vec<f64>,
    deviation: Vec<f64>,
    offset: Vec<f64>,
    /// `[inputs, outputs]`
    weights: Vec<f64>,
}

impl LinearMap {
    /// Ridge regression.
    ///
    /// # Shapes
    /// - x: `[rows, inputs]`; y: `[rows, outputs]`.
    fn fit(x: &[f32], y: &[f32], inputs: usize, outputs: usize) -> Self {
        let rows = x.len() / inputs;
        let is_chosen_on = |row: usize| row % CHOSEN_ON == CHOSEN_ON - 1;
        let candidates = PENALTIES.map(|penalty| {
            let map = Self::solve(x, y, inputs, outputs, penalty, |row| !is_chosen_on(row));
            let off = |row: usize| {
                let right = &y[row * outputs..][..outputs];
                map.apply(&x[row * inputs..][..inputs])
                    .iter()
                    .zip(right)
                    .map(|(a, b)| f64::from(a - b).powi(2))
                    .sum::<f64>()
            };
            ((0..rows).filter(|&row| is_chosen_on(row)).map(off).sum::<f64>(), penalty)
        });
        let best = candidates.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).map_or(1.0, |(_, penalty)| penalty);
        Self::solve(x, y, inputs, outputs, best, |_| true)
    }

    fn solve(x: &[f32], y: &[f32], inputs: usize, outputs: usize, penalty: f64, takes: impl Fn(usize) -> bool) -> Self {
        let rows: Vec<usize> = (0..x.len() / inputs).filter(|&row| takes(row)).collect();
        let count = rows.len().max(1) as f64;
        let column_mean = |values: &[f32], width: usize, column: usize| {
            rows.iter().map(|&row| f64::from(values[row * width + column])).sum::<f64>() / count
        };
        let mean: Vec<f64> = (0..inputs).map(|column| column_mean(x, inputs, column)).collect();
        let deviation: Vec<f64> = (0..inputs)
            .map(|column| {
                let squares = rows.iter().map(|&row| (f64::from(x[row * inputs + column]) - mean[column]).powi(2));
                (squares.sum::<f64>() / count).sqrt().max(1e-9)
            })
            .collect();
        let offset: Vec<f64> = (0..outputs).map(|column| column_mean(y, outputs, column)).collect();
        let mut gram = vec![0.0; inputs * inputs];
        let mut product = vec![0.0; inputs * outputs];
        for &row in &rows {
            let standard: Vec<f64> =
                (0..inputs).map(|i| (f64::from(x[row * inputs + i]) - mean[i]) / deviation[i]).collect();
            for (i, a) in standard.iter().enumerate() {
                gram[i * inputs..][..inputs].iter_mut().zip(&standard).for_each(|(sum, b)| *sum += a * b);
                let right = y[row * outputs..][..outputs].iter().zip(&offset);
                product[i * outputs..][..outputs]
                    .iter_mut()
                    .zip(right)
                    .for_each(|(sum, (&y, o))| *sum += a * (f64::from(y) - o));
            }
        }
        (0..inputs).for_each(|i| gram[i * inputs + i] += penalty * count);
        cholesky(&mut gram, inputs);
        substitute(&gram, &mut product, inputs, outputs);
        Self { mean, deviation, offset, weights: product }
    }

    fn apply(&self, row: &[f32]) -> Vec<f32> {
        let outputs = self.offset.len();
        let mut y = self.offset.clone();
        for (i, &x) in row.iter().enumerate() {
            let x = (f64::from(x) - self.mean[i]) / self.deviation[i];
            y.iter_mut().zip(&self.weights[i * outputs..][..outputs]).for_each(|(sum, weight)| *sum += x * weight);
        }
        y.into_iter().map(|y| y as f32).collect()
    }
}

/// A positive definite matrix to its lower factor, in place.
fn cholesky(a: &mut [f64], n: usize) {
    for j in 0..n {
        for i in j..n {
            let below: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let value = a[i * n + j] - below;
            a[i * n + j] = if i == j { value.max(f64::MIN_POSITIVE).sqrt() } else { value / a[j * n + j] };
        }
    }
}

/// Solves for all columns of `b`, in place, with a lower factor.
fn substitute(lower: &[f64], b: &mut [f64], n: usize, columns: usize) {
    for column in 0..columns {
        for i in 0..n {
            let known: f64 = (0..i).map(|k| lower[i * n + k] * b[k * columns + column]).sum();
            b[i * columns + column] = (b[i * columns + column] - known) / lower[i * n + i];
        }
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n).map(|k| lower[k * n + i] * b[k * columns + column]).sum();
            b[i * columns + column] = (b[i * columns + column] - known) / lower[i * n + i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_map_is_found_and_noise_is_not_learned() {
        let mut state = 7_u32;
        let mut draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        let (inputs, outputs) = (5, 3);
        let x: Vec<f32> = (0..400 * inputs).map(|_| draw() * 30.0 - 50.0).collect();
        let weights: Vec<f32> = (0..inputs * outputs).map(|_| draw()).collect();
        let y = |x: &[f32]| -> Vec<f32> {
            (0..outputs).map(|o| 0.3 + (0..inputs).map(|i| x[i] * weights[i * outputs + o]).sum::<f32>()).collect()
        };
        let right: Vec<f32> = x.chunks_exact(inputs).flat_map(y).collect();
        let map = LinearMap::fit(&x[..300 * inputs], &right[..300 * outputs], inputs, outputs);
        for (row, expected) in x.chunks_exact(inputs).zip(right.chunks_exact(outputs)).skip(300) {
            for (found, expected) in map.apply(row).iter().zip(expected) {
                assert!((found - expected).abs() < 0.3, "{found} {expected}");
            }
        }
        let noise: Vec<f32> = (0..400 * outputs).map(|_| draw()).collect();
        let map = LinearMap::fit(&x[..300 * inputs], &noise[..300 * outputs], inputs, outputs);
        let off: f32 = x.chunks_exact(inputs).skip(300).flat_map(|row| map.apply(row)).map(|y| y * y).sum();
        assert!(off / 300.0 < 0.1, "{off}");
    }
}
