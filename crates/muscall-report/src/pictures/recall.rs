//! Recall over the number of tracks that are looked at.

use muscall_retrieval::{Bootstrap, Interval, Ranks};
use plotters::prelude::*;

use crate::axes::{Axes, titled};
use crate::picture::{Canvas, Drawn, Picture};
use crate::theme::Theme;

/// Points of the curve.
const POINTS: usize = 20;
/// The largest K, in larger galleries.
const LARGEST: usize = 100;

/// R@K with its 95 % band in both directions, and what chance gives.
#[derive(Debug, Clone, PartialEq)]
pub struct RecallCurve {
    /// Tracks in the gallery.
    tracks: usize,
    directions: [Vec<(usize, f64, Interval)>; 2],
}

impl RecallCurve {
    /// From the ranks of all queries.
    pub fn new(ranks: &Ranks, bootstrap: &Bootstrap) -> Self {
        let tracks = ranks.audio_to_text.len();
        let largest = LARGEST.min(tracks.max(2));
        // Dense where the curve is steep.
        let ks: [usize; POINTS] = std::array::from_fn(|i| {
            let even = (largest as f64).powf(i as f64 / (POINTS - 1) as f64).round() as usize;
            if largest <= POINTS { (i + 1).min(largest) } else { even.max(i + 1).min(largest) }
        });
        let curve = |ranks: &[Vec<usize>]| {
            let best: Vec<usize> = ranks.iter().map(|ranks| ranks[0]).collect();
            let recall = |drawn: &[usize], k: usize| {
                drawn.iter().filter(|&&query| best[query] <= k).count() as f64 / drawn.len() as f64
            };
            let bands = bootstrap.intervals(best.len(), |drawn| ks.map(|k| recall(drawn, k)));
            let all: Vec<usize> = (0..best.len()).collect();
            let mut curve: Vec<_> = ks.iter().zip(bands).map(|(&k, band)| (k, recall(&all, k), band)).collect();
            curve.dedup_by_key(|point| point.0);
            curve
        };
        Self { tracks, directions: [curve(&ranks.text_to_audio), curve(&ranks.audio_to_text)] }
    }
}

impl Picture for RecallCurve {
    fn draw(&self, canvas: &Canvas<'_>, theme: &Theme) -> Drawn {
        let names = ["text → music", "music → text"];
        let mut legend: Vec<_> =
            names.iter().enumerate().map(|(i, name)| ((*name).to_owned(), theme.series(i))).collect();
        legend.push(("chance".to_owned(), theme.foreground));
        let title = format!("Recall at K among {} tracks, with 95 % bands", self.tracks);
        let area = titled(canvas, theme, &title, &legend)?;
        let largest = self.directions[0].last().map_or(2, |point| point.0).max(2) as f64;
        let axes = Axes { theme, x: "K", y: "percent", x_labels: true };
        let mut chart = axes.draw(&area, [1.0, largest], [0.0, 102.0])?;
        for (i, curve) in self.directions.iter().enumerate() {
            let colour = theme.series(i);
            let low = curve.iter().map(|(k, _, band)| (*k as f64, 100.0 * band.low));
            let high = curve.iter().rev().map(|(k, _, band)| (*k as f64, 100.0 * band.high));
            chart.draw_series([Polygon::new(low.chain(high).collect::<Vec<_>>(), colour.mix(0.2))])?;
        }
        for (i, curve) in self.directions.iter().enumerate() {
            let points = curve.iter().map(|(k, recall, _)| (*k as f64, 100.0 * recall));
            chart.draw_series(LineSeries::new(points, theme.series(i).stroke_width(2)))?;
        }
        let chance = |k: f64| (100.0 * k / self.tracks.max(1) as f64).min(100.0);
        let points = [(1.0, chance(1.0)), (largest, chance(largest))];
        chart.draw_series(DashedLineSeries::new(points, 6, 5, theme.foreground.stroke_width(1)))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_grows_with_k_and_ends_at_one() {
        let ranks = |count: usize| (0..count).map(|i| vec![1 + (i * 7) % count]).collect::<Vec<_>>();
        for tracks in [2, 12, 20, 95, 5000] {
            let ranks = Ranks { text_to_audio: ranks(tracks), audio_to_text: ranks(tracks) };
            let curve = RecallCurve::new(&ranks, &Bootstrap { resamples: 20, seed: 1 });
            for points in &curve.directions {
                assert!(points.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1), "{points:?}");
                assert_eq!(points[0].0, 1);
                assert_eq!(points.last().map(|point| point.0), Some(tracks.min(100)));
                assert!(tracks > 100 || points.last().is_some_and(|point| (point.1 - 1.0).abs() < 1e-12));
            }
        }
    }
}
