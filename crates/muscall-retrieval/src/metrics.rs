//! Recall at k, mAP@10 and ranks, in both directions.

use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ranking::{dot, ranks};
use crate::{Embeddings, RetrievalError};

/// Retrieval metrics of one direction. Recalls and mAP are fractions from 0 to 1.
///
/// With several relevant items a query, recall asks for *any* of them, ranks are those of the best
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

/// Which caption belongs to which track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairs {
    /// The track of each caption.
    pub text_to_audio: Vec<usize>,
}

impl Pairs {
    /// One caption a track, in the same order.
    pub fn one_to_one(tracks: usize) -> Self {
        Self { text_to_audio: (0..tracks).collect() }
    }
}

/// Ranks tracks by captions and captions by tracks.
///
/// The matrix of scores is never held: memory is that of a row a thread.
///
/// # Errors
/// [`RetrievalError`] if dimensions or pairs do not fit, or if there is nothing to rank.
/// # Source
/// Section 5.1 of the paper; ties and several captions as in `docs/PARITY.md`.
pub fn evaluate(audio: Embeddings<'_>, text: Embeddings<'_>, pairs: &Pairs) -> Result<BothDirections, RetrievalError> {
    if audio.dim() != text.dim() {
        let (expected, actual) = (audio.dim(), text.dim());
        return Err(RetrievalError::Dimensions { expected, actual });
    }
    let tracks = audio.rows();
    if tracks == 0 || text.rows() == 0 {
        return Err(RetrievalError::Empty { what: "pairs" });
    }
    if pairs.text_to_audio.len() != text.rows() {
        let (given, captions) = (pairs.text_to_audio.len(), text.rows());
        return Err(RetrievalError::Pairs { given, captions });
    }
    let mut captions = vec![Vec::new(); tracks];
    for (caption, &track) in pairs.text_to_audio.iter().enumerate() {
        match captions.get_mut(track) {
            Some(captions) => captions.push(caption),
            None => return Err(RetrievalError::Track { caption, track, tracks }),
        }
    }
    if let Some(track) = captions.iter().position(Vec::is_empty) {
        return Err(RetrievalError::NoCaption { track });
    }
    let tracks: Vec<Vec<usize>> = pairs.text_to_audio.iter().map(|&track| vec![track]).collect();
    Ok(BothDirections {
        text_to_audio: one_direction(text, audio, &tracks),
        audio_to_text: one_direction(audio, text, &captions),
    })
}

fn one_direction(queries: Embeddings<'_>, items: Embeddings<'_>, relevant: &[Vec<usize>]) -> RetrievalMetrics {
    let rank = |query: usize| {
        let row = queries.row(query);
        let scores: Vec<f32> = items.iter().map(|item| dot(row, item)).collect();
        ranks(&scores, &relevant[query])
    };
    let ranks: Vec<Vec<usize>> = (0..queries.rows()).into_par_iter().map(rank).collect();
    let mut best: Vec<usize> = ranks.iter().map(|ranks| ranks[0]).collect();
    let count = best.len() as f64;
    let recall = |k| best.iter().filter(|&&rank| rank <= k).count() as f64 / count;
    let [r_at_1, r_at_5, r_at_10] = [1, 5, 10].map(recall);
    let mean_rank = best.iter().sum::<usize>() as f64 / count;
    best.sort_unstable();
    let (middle, odd) = (best.len() / 2, best.len() % 2 == 1);
    let median_rank = if odd { best[middle] as f64 } else { (best[middle - 1] + best[middle]) as f64 / 2.0 };
    RetrievalMetrics {
        queries: queries.rows(),
        gallery: items.rows(),
        r_at_1,
        r_at_5,
        r_at_10,
        map_at_10: ranks.iter().map(|ranks| average_precision_at_10(ranks)).sum::<f64>() / count,
        median_rank,
        mean_rank,
    }
}

fn average_precision_at_10(ranks: &[usize]) -> f64 {
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
