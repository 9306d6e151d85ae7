//! Retrieval metrics with their uncertainty.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::bootstrap::{Bootstrap, Interval};
use crate::metrics::{RetrievalMetrics, average_precision_at_10, median};
use crate::pairs::Pairs;
use crate::ranks::Ranks;
use crate::{Embeddings, RetrievalError};

/// One direction: the metrics and, for each, where it lies with 95 % confidence if other queries
/// of the same kind had been asked.
///
/// # Protocol
/// Each caption is a query of its own, and finds its track; a track finds any of its captions, at
/// the rank of the first. Queries are drawn, not the gallery: the intervals say nothing about
/// galleries of another size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DirectionReport {
    /// Of all queries.
    #[serde(flatten)]
    pub metrics: RetrievalMetrics,
    /// Where each lies.
    pub intervals: MetricIntervals,
}

/// 95 % intervals of [`RetrievalMetrics`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MetricIntervals {
    /// Of R@1.
    pub r_at_1: Interval,
    /// Of R@5.
    pub r_at_5: Interval,
    /// Of R@10.
    pub r_at_10: Interval,
    /// Of mAP@10.
    pub map_at_10: Interval,
    /// Of the median rank.
    pub median_rank: Interval,
    /// Of the mean rank.
    pub mean_rank: Interval,
}

impl DirectionReport {
    /// From the ranks of what is relevant to each query.
    pub fn new(ranks: &[Vec<usize>], gallery: usize, bootstrap: &Bootstrap) -> Self {
        let best: Vec<usize> = ranks.iter().map(|ranks| ranks[0]).collect();
        let precisions: Vec<f64> = ranks.iter().map(|ranks| average_precision_at_10(ranks)).collect();
        let statistics = |drawn: &[usize]| {
            let count = drawn.len() as f64;
            let recall = |k: usize| drawn.iter().filter(|&&query| best[query] <= k).count() as f64 / count;
            let mut drawn_ranks: Vec<usize> = drawn.iter().map(|&query| best[query]).collect();
            let mean_rank = drawn_ranks.iter().sum::<usize>() as f64 / count;
            let precision = drawn.iter().map(|&query| precisions[query]).sum::<f64>() / count;
            [recall(1), recall(5), recall(10), precision, median(&mut drawn_ranks), mean_rank]
        };
        let [r_at_1, r_at_5, r_at_10, map_at_10, median_rank, mean_rank] = bootstrap.intervals(ranks.len(), statistics);
        let metrics = RetrievalMetrics::from_ranks(ranks, gallery);
        let intervals = MetricIntervals { r_at_1, r_at_5, r_at_10, map_at_10, median_rank, mean_rank };
        Self { metrics, intervals }
    }
}

impl DirectionReport {
    /// What [`cells`](Self::cells) are.
    pub const NAMES: [&'static str; 6] = ["R@1", "R@5", "R@10", "mAP@10", "median rank", "mean rank"];

    /// Each number with its interval in brackets, for a table; recall and mAP in percent.
    pub fn cells(&self) -> [String; 6] {
        let Self { metrics: m, intervals: i } = self;
        let cell = |value: f64, Interval { low, high }: Interval, factor: f64| {
            format!("{:.1} [{:.1}, {:.1}]", factor * value, factor * low, factor * high)
        };
        [
            cell(m.r_at_1, i.r_at_1, 100.0),
            cell(m.r_at_5, i.r_at_5, 100.0),
            cell(m.r_at_10, i.r_at_10, 100.0),
            cell(m.map_at_10, i.map_at_10, 100.0),
            cell(m.median_rank, i.median_rank, 1.0),
            cell(m.mean_rank, i.mean_rank, 1.0),
        ]
    }
}

/// Both directions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetrievalReport {
    /// Captions as queries, tracks as items.
    pub text_to_audio: DirectionReport,
    /// Tracks as queries, captions as items.
    pub audio_to_text: DirectionReport,
}

impl RetrievalReport {
    /// From all ranks.
    pub fn new(ranks: &Ranks, bootstrap: &Bootstrap) -> Self {
        let (captions, tracks) = (ranks.text_to_audio.len(), ranks.audio_to_text.len());
        Self {
            text_to_audio: DirectionReport::new(&ranks.text_to_audio, tracks, bootstrap),
            audio_to_text: DirectionReport::new(&ranks.audio_to_text, captions, bootstrap),
        }
    }
}

/// A number that was measured several times: its mean, and the deviation of one from another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Of all.
    pub mean: f64,
    /// Of the sample; zero for a single one.
    pub deviation: f64,
}

impl Spread {
    /// Of these values.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        Self { mean, deviation: (squares / (count - 1.0).max(1.0)).sqrt() }
    }
}

/// Metrics of one direction over drawn galleries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GalleryReport {
    /// Tracks a gallery.
    pub tracks: usize,
    /// How many were drawn.
    pub galleries: usize,
    /// R@1.
    pub r_at_1: Spread,
    /// R@5.
    pub r_at_5: Spread,
    /// R@10.
    pub r_at_10: Spread,
    /// mAP@10.
    pub map_at_10: Spread,
    /// Median rank.
    pub median_rank: Spread,
}

/// Text→audio over `repetitions` galleries of `tracks` tracks, drawn with a seed: what makes
/// numbers on data sets of different size comparable.
///
/// # Errors
/// As [`Ranks::new`]; [`RetrievalError::Empty`] for a gallery of none, or of more than there are.
pub fn galleries(
    audio: Embeddings<'_>,
    text: Embeddings<'_>,
    pairs: &Pairs,
    [tracks, repetitions]: [usize; 2],
    seed: u64,
) -> Result<GalleryReport, RetrievalError> {
    let captions = pairs.captions_of(audio, text)?;
    if tracks == 0 || repetitions == 0 || tracks > audio.rows() {
        return Err(RetrievalError::Empty { what: "galleries of that size" });
    }
    let mut found = Vec::with_capacity(repetitions);
    for repetition in 0..repetitions {
        let mut order: Vec<usize> = (0..audio.rows()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed.wrapping_add(repetition as u64)));
        order.truncate(tracks);
        let own_audio: Vec<f32> = order.iter().flat_map(|&track| audio.row(track)).copied().collect();
        let own_captions =
            || order.iter().enumerate().flat_map(|(i, &track)| captions[track].iter().map(move |c| (i, *c)));
        let own_text: Vec<f32> = own_captions().flat_map(|(_, caption)| text.row(caption)).copied().collect();
        let pairs = Pairs { text_to_audio: own_captions().map(|(track, _)| track).collect() };
        let (audio, text) = (Embeddings::new(&own_audio, audio.dim())?, Embeddings::new(&own_text, text.dim())?);
        found.push(RetrievalMetrics::from_ranks(&Ranks::new(audio, text, &pairs)?.text_to_audio, tracks));
    }
    let spread = |value: &dyn Fn(&RetrievalMetrics) -> f64| Spread::of(&found.iter().map(value).collect::<Vec<_>>());
    Ok(GalleryReport {
        tracks,
        galleries: repetitions,
        r_at_1: spread(&|m| m.r_at_1),
        r_at_5: spread(&|m| m.r_at_5),
        r_at_10: spread(&|m| m.r_at_10),
        map_at_10: spread(&|m| m.map_at_10),
        median_rank: spread(&|m| m.median_rank),
    })
}
