//! Recall at k, mAP@10 and ranks, in both directions.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::pairs::Pairs;
use crate::ranks::Ranks;
use crate::{Embeddings, RetrievalError};

/// Retrieval metrics of one direction. Recalls and mAP are fractions from 0 to 1.
///
/// With several relevant items per query, recall asks for *any* of them, ranks are those of the best
/// one, and mAP@10 divides by min(relevant, 10).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RetrievalMetrics {
    /// Queries.
    pub queries: usize,
    /// Items that are ranked.
    pub gallery: usize,
    /// Share of queries with a relevant item at rank 1.
    pub r_at_1: f64,
    /// The same within the first 5.
    pub r_at_5: f64,
    /// The same within the first 10.
    pub r_at_10: f64,
    /// Mean average precision within the first 10.
    pub map_at_10: f64,
    /// Median of the best ranks, from 1; the mean of the middle two for an even number.
    pub median_rank: f64,
    /// Mean of the best ranks.
    pub mean_rank: f64,
}

impl fmt::Display for RetrievalMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r1, r5, r10, map] = [self.r_at_1, self.r_at_5, self.r_at_10, self.map_at_10].map(|x| 100.0 * x);
        write!(f, "R@1 {r1:.1}  R@5 {r5:.1}  R@10 {r10:.1}  mAP@10 {map:.1}  MedR {}", self.median_rank)
    }
}

/// Both directions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BothDirections {
    /// Captions as queries, tracks as items.
    pub text_to_audio: RetrievalMetrics,
    /// Tracks as queries, captions as items.
    pub audio_to_text: RetrievalMetrics,
}

/// Ranks tracks by captions and captions by tracks.
///
/// The matrix of scores is never held.
///
/// # Errors
/// [`RetrievalError`] if dimensions or pairs do not fit, or if there is nothing to rank.
/// # Source
/// Section 5.1 of the paper; ties and several captions as in `docs/PARITY.md`.
pub fn evaluate(audio: Embeddings<'_>, text: Embeddings<'_>, pairs: &Pairs) -> Result<BothDirections, RetrievalError> {
    let ranks = Ranks::new(audio, text, pairs)?;
    Ok(BothDirections {
        text_to_audio: RetrievalMetrics::from_ranks(&ranks.text_to_audio, audio.rows()),
        audio_to_text: RetrievalMetrics::from_ranks(&ranks.audio_to_text, text.rows()),
    })
}

impl RetrievalMetrics {
    /// From the ranks of what is relevant to each query, in their order, at least one per query.
    pub fn from_ranks(ranks: &[Vec<usize>], gallery: usize) -> Self {
        let mut best: Vec<usize> = ranks.iter().map(|ranks| ranks[0]).collect();
        let count = best.len() as f64;
        let recall = |k| best.iter().filter(|&&rank| rank <= k).count() as f64 / count;
        let [r_at_1, r_at_5, r_at_10] = [1, 5, 10].map(recall);
        let mean_rank = best.iter().sum::<usize>() as f64 / count;
        Self {
            queries: ranks.len(),
            gallery,
            r_at_1,
            r_at_5,
            r_at_10,
            map_at_10: ranks.iter().map(|ranks| average_precision_at_10(ranks)).sum::<f64>() / count,
            median_rank: median(&mut best),
            mean_rank,
        }
    }
}

/// The middle one, or the mean of the middle two.
pub(crate) fn median(ranks: &mut [usize]) -> f64 {
    let middle = ranks.len() / 2;
    let odd = ranks.len() % 2 == 1;
    let (below, upper, _) = ranks.select_nth_unstable(middle);
    let upper = *upper as f64;
    if odd {
        return upper;
    }
    // The lower one of the middle two is the largest below.
    let lower = below.iter().copied().max().unwrap_or_default();
    (lower as f64 + upper) / 2.0
}

pub(crate) fn average_precision_at_10(ranks: &[usize]) -> f64 {
    let found = ranks.iter().enumerate().filter(|(_, rank)| **rank <= 10);
    let precisions: f64 = found.map(|(before, &rank)| (before + 1) as f64 / rank as f64).sum();
    precisions / ranks.len().min(10) as f64
}

/// What a random order gives on average, with one relevant item a query.
pub fn chance(gallery: usize) -> RetrievalMetrics {
    let n = gallery.max(1);
    let recall = |k: usize| k.min(n) as f64 / n as f64;
    let reciprocals: f64 = (1..=n.min(10)).map(|rank| 1.0 / rank as f64).sum();
    let middle = (n + 1) as f64 / 2.0;
    RetrievalMetrics {
        queries: gallery,
        gallery,
        r_at_1: recall(1),
        r_at_5: recall(5),
        r_at_10: recall(10),
        map_at_10: reciprocals / n as f64,
        median_rank: middle,
        mean_rank: middle,
    }
}
