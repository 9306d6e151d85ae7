//! The learning rate at a step.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::TrainError;

/// Shape of the learning rate over the training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Schedule {
    /// Linear warm-up, then one cosine down to zero at the end.
    Cosine {
        /// Share of all steps that the warm-up takes.
        warmup: f64,
    },
    /// The released implementation's cosine, whose half period is a share (there 0.1) of all
    /// steps, so that the rate goes down and up again.
    Oscillating {
        /// Half period as a share of all steps.
        half_period: f64,
    },
    /// Always the same rate.
    Constant,
    /// The same rate until the validation score (without a validation, the mean loss of an epoch)
    /// has not become better for some epochs; then less.
    Plateau {
        /// What the rate is multiplied with.
        factor: f64,
        /// Epochs without a better score that are waited for.
        patience: usize,
    },
}

impl Default for Schedule {
    fn default() -> Self {
        Self::Cosine { warmup: 0.02 }
    }
}

impl Schedule {
    /// # Errors
    /// [`TrainError::Recipe`] for a share out of range.
    pub fn validate(&self) -> Result<(), TrainError> {
        match *self {
            Self::Cosine { warmup } => {
                TrainError::check((0.0..1.0).contains(&warmup), "schedule.warmup", warmup, "at least 0 and below 1")
            }
            Self::Oscillating { half_period } => {
                let valid = half_period > 0.0 && half_period.is_finite();
                TrainError::check(valid, "schedule.half_period", half_period, "positive")
            }
            Self::Constant => Ok(()),
            Self::Plateau { factor, .. } => {
                TrainError::check(factor > 0.0 && factor < 1.0, "schedule.factor", factor, "above 0 and below 1")
            }
        }
    }

    /// Factor on the base rate for step `step` (from 0) of `steps`.
    pub fn factor(&self, step: u64, steps: u64) -> f64 {
        let (step, steps) = (step as f64, steps.max(1) as f64);
        let cosine = |t: f64| 0.5 * (1.0 + (PI * t).cos());
        match *self {
            Self::Cosine { warmup } => {
                let warmup = (warmup * steps).floor();
                if step < warmup {
                    return (step + 1.0) / (warmup + 1.0);
                }
                cosine(((step - warmup) / (steps - warmup)).min(1.0))
            }
            Self::Oscillating { half_period } => cosine(step / (half_period * steps).max(1.0)),
            // What a plateau has taken away is not a function of the step.
            Self::Constant | Self::Plateau { .. } => 1.0,
        }
    }
}

/// What a [`Schedule::Plateau`] remembers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlateauState {
    /// On the base rate.
    pub factor: f64,
    /// The best score so far.
    pub best: Option<f64>,
    /// Epochs since then, or since the last reduction.
    pub epochs_without_best: usize,
}

impl Default for PlateauState {
    fn default() -> Self {
        Self { factor: 1.0, best: None, epochs_without_best: 0 }
    }
}

impl PlateauState {
    /// After an epoch with this score, of which more is better.
    pub fn advance(&mut self, schedule: &Schedule, score: f64) {
        let Schedule::Plateau { factor, patience } = *schedule else {
            return;
        };
        if self.best.is_none_or(|best| score > best) {
            self.best = Some(score);
            self.epochs_without_best = 0;
            return;
        }
        self.epochs_without_best += 1;
        if self.epochs_without_best > patience {
            self.factor *= factor;
            self.epochs_without_best = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PlateauState, Schedule};

    #[test]
    fn a_plateau_waits_and_then_reduces() {
        let schedule = Schedule::Plateau { factor: 0.1, patience: 2 };
        let mut state = PlateauState::default();
        let factors: Vec<f64> = [0.1, 0.2, 0.2, 0.1, 0.2, 0.3, 0.1]
            .into_iter()
            .map(|score| {
                state.advance(&schedule, score);
                state.factor
            })
            .collect();
        assert_eq!(factors, [1.0, 1.0, 1.0, 1.0, 0.1, 0.1, 0.1]);
    }

    #[test]
    fn cosine_warms_up_and_ends_near_zero() {
        let schedule = Schedule::Cosine { warmup: 0.1 };
        let rates: Vec<f64> = (0..100).map(|step| schedule.factor(step, 100)).collect();
        assert!(rates[..10].is_sorted() && rates[0] > 0.0);
        assert_eq!(rates[10], 1.0);
        assert!(rates[10..].is_sorted_by(|a, b| a > b));
        assert!(rates[99] > 0.0 && rates[99] < 1e-3);
        assert_eq!(schedule.factor(500, 100), 0.0);
    }

    #[test]
    fn oscillating_comes_back() {
        let schedule = Schedule::Oscillating { half_period: 0.1 };
        assert_eq!(schedule.factor(0, 1000), 1.0);
        assert!(schedule.factor(100, 1000) < 1e-12);
        assert!((schedule.factor(200, 1000) - 1.0).abs() < 1e-12);
    }
}
