//! A linear rule on the embedding of a query and its best score.

use muscall_retrieval::{Embeddings, LinearProbe};

use crate::TrainError;

/// Weight of the squared weights is one over this.
const C: f64 = 1000.0;
/// The best scores count as much as a coordinate with this deviation: those of an embedding have about 0.05.
const SPREAD: f32 = 0.2;

/// Queries, each with its best score as one more coordinate, and whether something fits.
pub(super) struct Examples {
    /// `[queries, dim + 1]`.
    rows: Vec<f32>,
    width: usize,
    present: Vec<bool>,
    /// Mean and deviation of the best scores.
    scores: (f32, f32),
}

impl Examples {
    pub(super) fn new(queries: &[(&[f32], bool)], best: impl Fn(&[f32]) -> f32) -> Self {
        let scores: Vec<f32> = queries.iter().map(|(words, _)| best(words)).collect();
        let count = scores.len().max(1) as f32;
        let mean = scores.iter().sum::<f32>() / count;
        let deviation = (scores.iter().map(|score| (score - mean).powi(2)).sum::<f32>() / count).sqrt().max(1e-6);
        let mut rows = Vec::new();
        for ((words, _), score) in queries.iter().zip(&scores) {
            rows.extend_from_slice(words);
            rows.push((score - mean) / deviation * SPREAD);
        }
        let width = queries.first().map_or(0, |(words, _)| words.len()) + 1;
        Self { rows, width, present: queries.iter().map(|(_, present)| *present).collect(), scores: (mean, deviation) }
    }

    pub(super) fn len(&self) -> usize {
        self.present.len()
    }

    pub(super) fn is_present(&self, query: usize) -> bool {
        self.present[query]
    }

    fn row(&self, query: usize) -> &[f32] {
        &self.rows[query * self.width..][..self.width]
    }
}

/// Larger sums speak for queries to which something fits.
pub(super) struct Rule {
    /// Of the coordinates of a row.
    weights: Vec<f64>,
    offset: f64,
    scores: (f32, f32),
}

impl Rule {
    /// Fits the rule to some of the queries.
    pub(super) fn fit(examples: &Examples, takes: impl Fn(usize) -> bool) -> Result<Self, TrainError> {
        let taken: Vec<usize> = (0..examples.len()).filter(|query| takes(*query)).collect();
        let rows: Vec<f32> = taken.iter().flat_map(|query| examples.row(*query)).copied().collect();
        let truth: Vec<usize> = taken.iter().map(|query| usize::from(examples.is_present(*query))).collect();
        let probe = LinearProbe::fit(Embeddings::new(&rows, examples.width)?, &truth, 2, C)?;
        let classes: Vec<&[f64]> = probe.weights().collect();
        let mut weights: Vec<f64> =
            classes[1].iter().zip(classes[0]).map(|(present, absent)| present - absent).collect();
        let offset = weights.pop().unwrap_or_default();
        Ok(Self { weights, offset, scores: examples.scores })
    }

    pub(super) fn sum(&self, examples: &Examples, query: usize) -> f64 {
        let row = examples.row(query);
        self.offset + self.weights.iter().zip(row).map(|(weight, x)| weight * f64::from(*x)).sum::<f64>()
    }

    /// Of the coordinates of an embedding, of the best score as it is, and what is added.
    pub(super) fn into_weights(self) -> (Vec<f32>, f32, f32) {
        let (mean, deviation) = self.scores;
        let mut words: Vec<f32> = self.weights.iter().map(|weight| *weight as f32).collect();
        let score = words.pop().unwrap_or_default() * SPREAD / deviation;
        (words, score, self.offset as f32 - score * mean)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_those_of_scores_as_they_are() {
        let words: Vec<[f32; 2]> = (0..40).map(|i| [(i as f32 * 0.7).sin(), (i as f32 * 1.3).cos()]).collect();
        // Something fits to what points right, and to what has a high score.
        let best = |words: &[f32]| 0.4 + 0.1 * words[1];
        let queries: Vec<(&[f32], bool)> = words.iter().map(|words| (&words[..], words[0] + words[1] > 0.0)).collect();
        let examples = Examples::new(&queries, best);
        let rule = Rule::fit(&examples, |_| true).unwrap();
        let sums: Vec<f64> = (0..examples.len()).map(|query| rule.sum(&examples, query)).collect();
        assert!(sums.iter().zip(&queries).all(|(sum, (_, present))| (*sum > 0.0) == *present), "{sums:?}");
        let (weights, score, offset) = rule.into_weights();
        for ((words, _), sum) in queries.iter().zip(sums) {
            let found = weights[0] * words[0] + weights[1] * words[1] + score * best(words) + offset;
            assert!((f64::from(found) - sum).abs() < 1e-3, "{found} {sum}");
        }
        assert!(score > 0.0 && weights[0] > 0.0);
    }
}
