//! How similar matching and other pairs are.

use muscall_retrieval::JointSpace;
use plotters::prelude::*;

use crate::axes::{Axes, titled};
use crate::picture::{Canvas, Drawn, Picture};
use crate::theme::Theme;

/// Points of a curve.
const POINTS: usize = 240;

/// The densities of cosines of pairs that match and of pairs that do not.
///
/// # Source
/// The paper's supplementary material. The histogram is smoothed by a Gaussian of Silverman's
/// width.
#[derive(Debug, Clone)]
pub struct Densities {
    /// As [`joint_space`](muscall_retrieval::joint_space) gives it.
    pub space: JointSpace,
    /// Matching pairs.
    pub matching_pairs: usize,
    /// Other pairs.
    pub other_pairs: usize,
}

impl Picture for Densities {
    fn draw(&self, canvas: &Canvas<'_>, theme: &Theme) -> Drawn {
        let [own, other] = [theme.series(1), theme.series(0)];
        let legend = [("matching pairs".to_owned(), own), ("other pairs".to_owned(), other)];
        let title = format!("Similarity of music and text: {:.0} % in common", 100.0 * self.space.overlap);
        let canvas = titled(canvas, theme, &title, &legend)?;
        let curves = [
            (other, smooth(&self.space.non_matching, self.other_pairs)),
            (own, smooth(&self.space.matching, self.matching_pairs)),
        ];
        let top = curves.iter().flat_map(|(_, curve)| curve.iter().map(|point| point.1)).fold(0.0, f64::max);
        let seen = |density: &f64| *density > 0.002 * top;
        let inside: Vec<f64> = curves
            .iter()
            .flat_map(|(_, curve)| curve.iter().filter(|point| seen(&point.1)).map(|point| point.0))
            .collect();
        let low = inside.iter().copied().fold(1.0, f64::min);
        let high = inside.iter().copied().fold(-1.0, f64::max);
        let axes = Axes { theme, x: "cosine", y: "density", x_labels: true };
        let x = if low < high { [low, high] } else { [-1.0, 1.0] };
        let mut chart = axes.draw(&canvas, x, [0.0, if top > 0.0 { 1.05 * top } else { 1.0 }])?;
        for (colour, curve) in curves {
            let points = curve.into_iter().filter(|point| (x[0]..=x[1]).contains(&point.0));
            chart.draw_series(AreaSeries::new(points, 0.0, colour.mix(0.3)).border_style(colour.stroke_width(2)))?;
        }
        Ok(())
    }
}

/// A curve through the shares of bins from −1 to 1.
fn smooth(shares: &[f64], pairs: usize) -> Vec<(f64, f64)> {
    let step = 2.0 / shares.len() as f64;
    let centre = |bin: usize| -1.0 + (bin as f64 + 0.5) * step;
    let moment =
        |f: &dyn Fn(f64) -> f64| shares.iter().enumerate().map(|(bin, share)| share * f(centre(bin))).sum::<f64>();
    let mean = moment(&|x| x);
    let deviation = moment(&|x| (x - mean).powi(2)).sqrt();
    let width = (1.06 * deviation * (pairs.max(1) as f64).powf(-0.2)).max(step / 2.0);
    let kernel = |x: f64| (-0.5 * (x / width).powi(2)).exp() / (width * (2.0 * std::f64::consts::PI).sqrt());
    (0..=POINTS)
        .map(|i| {
            let x = -1.0 + 2.0 * i as f64 / POINTS as f64;
            (x, shares.iter().enumerate().map(|(bin, share)| share * kernel(x - centre(bin))).sum())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smoothed_density_has_area_one_and_keeps_its_mean() {
        let mut shares = vec![0.0; 100];
        shares[60] = 0.25;
        shares[64] = 0.75;
        let curve = smooth(&shares, 50);
        let step = 2.0 / POINTS as f64;
        let area: f64 = curve.iter().map(|point| point.1 * step).sum();
        let mean: f64 = curve.iter().map(|point| point.0 * point.1 * step).sum();
        assert!((area - 1.0).abs() < 1e-3, "{area}");
        assert!((mean - (0.25 * 0.21 + 0.75 * 0.29)).abs() < 1e-3, "{mean}");
    }
}
