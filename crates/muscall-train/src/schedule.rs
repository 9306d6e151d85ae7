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
            Self::Constant => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

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
