//! A factor on the loss, for gradients in numbers of a small range.

use muscall_model::Precision;
use serde::{Deserialize, Serialize};

/// Steps without an overflow until the factor is tried twice as large.
const PATIENCE: u32 = 2000;
const START: f64 = 65_536.0;
const LARGEST: f64 = 16_777_216.0;

/// Dynamic loss scaling: small gradients vanish in 16-bit floats with a range of four digits, so the loss is
/// multiplied before the backward pass and gradients are divided after it. A step whose gradients overflow
/// is left out, and the factor is halved; after 2000 steps without one it is doubled.
///
/// # Source
/// Micikevicius et al. 2018, "Mixed precision training", section 3.2; the constants are PyTorch's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossScale {
    factor: f64,
    steps_without_overflow: u32,
}

impl LossScale {
    /// What a precision needs: nothing but for f16.
    pub fn of(precision: Precision) -> Option<Self> {
        (precision == Precision::F16).then_some(Self { factor: START, steps_without_overflow: 0 })
    }

    /// What the loss is multiplied with.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// After a step whose gradients were finite.
    pub fn grow(&mut self) {
        self.steps_without_overflow += 1;
        if self.steps_without_overflow == PATIENCE {
            self.steps_without_overflow = 0;
            self.factor = (2.0 * self.factor).min(LARGEST);
        }
    }

    /// After an overflow; whether a smaller factor could have helped.
    pub fn shrink(&mut self) -> bool {
        self.steps_without_overflow = 0;
        let could_help = self.factor > 1.0;
        self.factor = (0.5 * self.factor).max(1.0);
        could_help
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_f16_needs_one() {
        assert_eq!(LossScale::of(Precision::F32), None);
        assert_eq!(LossScale::of(Precision::BF16), None);
        assert_eq!(LossScale::of(Precision::F16).unwrap().factor(), 65_536.0);
    }

    #[test]
    fn it_doubles_after_two_thousand_steps_and_halves_at_once() {
        let mut scale = LossScale::of(Precision::F16).unwrap();
        for _ in 0..1999 {
            scale.grow();
        }
        assert_eq!(scale.factor(), START);
        assert!(scale.shrink());
        assert_eq!(scale.factor(), START / 2.0);
        // The steps before the overflow do not count.
        for _ in 0..1999 {
            scale.grow();
        }
        assert_eq!(scale.factor(), START / 2.0);
        scale.grow();
        assert_eq!(scale.factor(), START);
    }

    #[test]
    fn it_has_bounds() {
        let mut scale = LossScale::of(Precision::F16).unwrap();
        for _ in 0..16 {
            assert!(scale.shrink());
        }
        assert_eq!(scale.factor(), 1.0);
        assert!(!scale.shrink(), "a smaller factor does not help any more");
        for _ in 0..100 * PATIENCE {
            scale.grow();
        }
        assert_eq!(scale.factor(), LARGEST);
    }
}
