//! Content-aware loss weighting: captions that resemble the rest of their batch count more.

use serde::{Deserialize, Serialize};

use crate::TrainError;

/// The weight of a caption, from its mean similarity m to the captions of its batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightForm {
    /// exp(m/κ), computed in log space and scaled to a mean of one.
    #[default]
    Normalised,
    /// exp(m/κ) as in the paper, self included. Where that leaves the range of float32, all weights
    /// of the batch are scaled down alike: ratios are the paper's, and nothing is infinite.
    Paper,
    /// As in the released implementation: self excluded, the means divided by their sum over the
    /// batch, and the weights by theirs.
    Released,
}

/// e to this, summed over a batch, is well within float32.
const LARGEST_EXPONENT: f64 = 60.0;

/// Configuration of the weights.
///
/// # Source
/// Section 3.2.1 of the paper, equations 3 and 4.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Weighting {
    /// How weights are made.
    pub form: WeightForm,
    /// κ; 0.005 as in the paper if absent, for the released form 0.01.
    pub kappa: Option<f64>,
    /// The sentence encoder: a folder, a name in the cache, or one on the hub.
    pub model: String,
}

impl Default for Weighting {
    fn default() -> Self {
        let model = muscall_model::text::bert::DEFAULT_MODEL.to_owned();
        Self { form: WeightForm::default(), kappa: None, model }
    }
}

impl Weighting {
    /// # Errors
    /// [`TrainError::Recipe`] for a κ that is not positive.
    pub fn validate(&self) -> Result<(), TrainError> {
        let kappa = self.kappa();
        TrainError::check(kappa > 0.0 && kappa.is_finite(), "loss.weighting.kappa", kappa, "positive")
    }

    fn kappa(&self) -> f64 {
        self.kappa.unwrap_or(match self.form {
            WeightForm::Normalised | WeightForm::Paper => 0.005,
            WeightForm::Released => 0.01,
        })
    }

    pub(super) fn is_normalised(&self) -> bool {
        self.form != WeightForm::Paper
    }

    /// The factor of each caption's loss in the sum over the batch.
    ///
    /// Weights are data, not a part of the graph: in float32 the exponents, of hundreds, would
    /// leave four digits.
    ///
    /// # Shapes
    /// - similarity: `[captions, captions]`;
    /// - shares: `[captions]`, what part of its track a caption is;
    /// - returns `[captions]`.
    pub fn factors(&self, similarity: &[f32], shares: &[f32]) -> Vec<f32> {
        let log_weights = self.log_weights(similarity, shares.len());
        let largest = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let tracks: f64 = shares.iter().map(|&share| f64::from(share)).sum();
        // Common factors cancel in a mean of one; the paper's weights keep theirs as far as it fits.
        let shift = if self.is_normalised() { largest } else { (largest - LARGEST_EXPONENT).max(0.0) };
        let weights: Vec<f64> =
            log_weights.iter().zip(shares).map(|(log, &share)| (log - shift).exp() * f64::from(share)).collect();
        let sum = if self.is_normalised() { weights.iter().sum() } else { tracks };
        weights.into_iter().map(|weight| (weight / sum) as f32).collect()
    }

    /// Logarithms of the weights before any normalisation, `[captions]`.
    pub fn log_weights(&self, similarity: &[f32], captions: usize) -> Vec<f64> {
        let sum = |row: &[f32]| row.iter().map(|&x| f64::from(x)).sum::<f64>();
        let rows = similarity.chunks_exact(captions);
        let means: Vec<f64> = match self.form {
            WeightForm::Normalised | WeightForm::Paper => rows.map(|row| sum(row) / captions as f64).collect(),
            WeightForm::Released => {
                let sums: Vec<f64> = rows.enumerate().map(|(i, row)| sum(row) - f64::from(row[i])).collect();
                let total: f64 = sums.iter().sum();
                sums.into_iter().map(|sum| sum / total).collect()
            }
        };
        means.into_iter().map(|mean| mean / self.kappa()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kappa_that_overflows_float32_stays_finite() {
        let similarity = [1.0, 0.9, 0.8, 0.9, 1.0, 0.2, 0.8, 0.2, 1.0];
        for form in [WeightForm::Normalised, WeightForm::Paper, WeightForm::Released] {
            for kappa in [1e-5, 1e-3, 0.005, 10.0] {
                let weighting = Weighting { form, kappa: Some(kappa), ..Weighting::default() };
                let weights = weighting.factors(&similarity, &[1.0; 3]);
                assert!(weights.iter().all(|w| w.is_finite() && *w >= 0.0), "{form:?} {kappa}: {weights:?}");
                assert!(weights[0] > 0.0 && weights[0] >= weights[1], "{form:?} {kappa}: {weights:?}");
            }
        }
    }

    #[test]
    fn the_paper_keeps_its_ratios() {
        let similarity = [1.0, 0.9, 0.8, 0.9, 1.0, 0.2, 0.8, 0.2, 1.0];
        let weighting = Weighting { form: WeightForm::Paper, ..Weighting::default() };
        let weights = weighting.factors(&similarity, &[1.0; 3]);
        let expected = ((2.7_f64 - 2.1) / 3.0 / 0.005).exp();
        assert!((f64::from(weights[0] / weights[1]) / expected - 1.0).abs() < 1e-4, "{weights:?}");
        // Where float32 holds them they are the paper's own.
        let mild = Weighting { kappa: Some(1.0), ..weighting };
        assert!((f64::from(mild.factors(&similarity, &[1.0; 3])[0]) - 0.9_f64.exp() / 3.0).abs() < 1e-6);
    }
}
