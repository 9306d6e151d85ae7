//! Two models on the same queries.

use serde::{Deserialize, Serialize};

use crate::RetrievalError;
use crate::bootstrap::{Bootstrap, Interval};
use crate::metrics::average_precision_at_10;

/// A difference, second minus first, with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Of the means.
    pub mean: f64,
    /// Where it lies with 95 % confidence, queries being drawn in pairs.
    pub interval: Interval,
}

/// Whether one model is better than another, on the same queries against the same gallery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairedComparison {
    /// Of R@1.
    pub r_at_1: Difference,
    /// Of R@5.
    pub r_at_5: Difference,
    /// Of R@10.
    pub r_at_10: Difference,
    /// Of mAP@10.
    pub map_at_10: Difference,
    /// Queries whose rank is better with the second model.
    pub better: usize,
    /// Queries whose rank is worse.
    pub worse: usize,
    /// Queries whose rank is the same.
    pub same: usize,
    /// Two-sided sign test on the ranks: how probable a split as uneven as this is if neither
    /// model is better.
    pub sign_test_p: f64,
}

/// Compares the ranks that two models give to the same queries.
///
/// # Errors
/// [`RetrievalError::Pairs`] if there are not as many queries, [`RetrievalError::Empty`] if there
/// are none.
pub fn compare(
    first: &[Vec<usize>],
    second: &[Vec<usize>],
    bootstrap: &Bootstrap,
) -> Result<PairedComparison, RetrievalError> {
    if first.len() != second.len() {
        return Err(RetrievalError::Pairs { given: first.len(), captions: second.len() });
    }
    if first.is_empty() {
        return Err(RetrievalError::Empty { what: "queries" });
    }
    let difference = |value: &(dyn Fn(&Vec<usize>) -> f64 + Sync)| {
        let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| value(b) - value(a)).collect();
        let mean = differences.iter().sum::<f64>() / differences.len() as f64;
        Difference { mean, interval: bootstrap.mean(&differences) }
    };
    let recall = |k: usize| difference(&move |ranks: &Vec<usize>| f64::from(u8::from(ranks[0] <= k)));
    let count = |order| first.iter().zip(second).filter(|(a, b)| b[0].cmp(&a[0]) == order).count();
    let (better, worse) = (count(std::cmp::Ordering::Less), count(std::cmp::Ordering::Greater));
    Ok(PairedComparison {
        r_at_1: recall(1),
        r_at_5: recall(5),
        r_at_10: recall(10),
        map_at_10: difference(&|ranks: &Vec<usize>| average_precision_at_10(ranks)),
        better,
        worse,
        same: first.len() - better - worse,
        sign_test_p: sign_test(better, worse),
    })
}

/// Twice the tail of the binomial distribution with p = 1/2, at most one.
fn sign_test(better: usize, worse: usize) -> f64 {
    let n = better + worse;
    let mut log_term = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=better.min(worse) {
        tail += log_term.exp();
        log_term += ((n - k) as f64).ln() - ((k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_test_is_binomial() {
        // scipy.stats.binomtest(2, 12).pvalue and (5, 10).
        assert!((sign_test(2, 10) - 0.038_574_218_75).abs() < 1e-12);
        assert_eq!((sign_test(5, 5), sign_test(0, 0)), (1.0, 1.0));
        assert!(sign_test(400, 600) < 1e-9 && sign_test(3000, 3000) > 0.9);
    }

    #[test]
    fn a_better_model_is_better_with_confidence() {
        let first: Vec<Vec<usize>> = (0..400).map(|query| vec![1 + query % 20]).collect();
        let second: Vec<Vec<usize>> = (0..400).map(|query| vec![1 + query % 10]).collect();
        let found = compare(&first, &second, &Bootstrap::default()).unwrap();
        assert_eq!((found.better, found.worse, found.same), (200, 0, 200));
        assert!((found.r_at_10.mean - 0.5).abs() < 1e-12 && found.r_at_10.interval.low > 0.4);
        assert!(found.sign_test_p < 1e-9);
        let none = compare(&first, &first, &Bootstrap::default()).unwrap();
        assert_eq!((none.same, none.map_at_10.mean, none.sign_test_p), (400, 0.0, 1.0));
        assert!(compare(&first, &second[1..], &Bootstrap::default()).is_err());
    }
}
