//! ROC-AUC and average precision, per tag and averaged.

use serde::{Deserialize, Serialize};

use crate::{RetrievalError, VectorError};

/// Area under the ROC curve: the probability that a positive scores above a negative, ties
/// counting half. None without both positives and negatives.
fn roc_auc(scores: &[f32], labels: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let positives = labels.iter().filter(|&&label| label).count();
    let negatives = labels.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let mut below = 0;
    let mut wins = 0.0;
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let positive = tied.iter().filter(|&&i| labels[i]).count();
        let negative = tied.len() - positive;
        wins += positive as f64 * (below as f64 + negative as f64 / 2.0);
        below += negative;
    }
    Some(wins / (positives as f64 * negatives as f64))
}

/// Average precision: precision summed over the steps of recall; equal scores are one step. None
/// without both positives and negatives.
fn average_precision(scores: &[f32], labels: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let positives = labels.iter().filter(|&&label| label).count();
    if positives == 0 || positives == labels.len() {
        return None;
    }
    let (mut seen, mut found, mut sum) = (0, 0, 0.0);
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let positive = tied.iter().filter(|&&i| labels[i]).count();
        seen += tied.len();
        found += positive;
        sum += positive as f64 * found as f64 / seen as f64;
    }
    Some(sum / positives as f64)
}

/// Metrics of multi-label tagging. Tags that have no positive or no negative are left out of the
/// averages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaggingMetrics {
    /// Mean of the tags' ROC-AUC.
    pub roc_auc_macro: f64,
    /// Mean of the tags' average precision, the usual PR-AUC.
    pub pr_auc_macro: f64,
    /// Of each tag, where defined.
    pub roc_auc: Vec<Option<f64>>,
    /// Of each tag, where defined.
    pub average_precision: Vec<Option<f64>>,
}

/// # Shapes
/// - scores and labels: `[clips, tags]`.
/// # Errors
/// [`VectorError::Shape`] if they are not whole rows, [`VectorError::NotFinite`] for a score
/// that is not a number, [`RetrievalError::Empty`] if no tag has positives and negatives.
pub fn tagging(scores: &[f32], labels: &[bool], tags: usize) -> Result<TaggingMetrics, RetrievalError> {
    if tags == 0 || scores.len() != labels.len() || !scores.len().is_multiple_of(tags) {
        let values = scores.len();
        return Err(VectorError::Shape { values, dim: tags }.into());
    }
    if let Some(at) = scores.iter().position(|x| !x.is_finite()) {
        return Err(VectorError::NotFinite { row: at / tags }.into());
    }
    let mut metrics = TaggingMetrics {
        roc_auc_macro: 0.0,
        pr_auc_macro: 0.0,
        roc_auc: Vec::with_capacity(tags),
        average_precision: Vec::with_capacity(tags),
    };
    for tag in 0..tags {
        let scores: Vec<f32> = scores.iter().skip(tag).step_by(tags).copied().collect();
        let labels: Vec<bool> = labels.iter().skip(tag).step_by(tags).copied().collect();
        metrics.roc_auc.push(roc_auc(&scores, &labels));
        metrics.average_precision.push(average_precision(&scores, &labels));
    }
    metrics.roc_auc_macro = mean(&metrics.roc_auc)?;
    metrics.pr_auc_macro = mean(&metrics.average_precision)?;
    Ok(metrics)
}

fn mean(values: &[Option<f64>]) -> Result<f64, RetrievalError> {
    let defined: Vec<f64> = values.iter().flatten().copied().collect();
    if defined.is_empty() {
        return Err(RetrievalError::Empty { what: "tags with positives and negatives" });
    }
    Ok(defined.iter().sum::<f64>() / defined.len() as f64)
}
