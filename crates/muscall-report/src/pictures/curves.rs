//! Loss and validation over the steps of a run.

use plotters::prelude::*;

use crate::TrainingLog;
use crate::axes::{Axes, range, titled};
use crate::picture::{Canvas, Drawn, Picture};
use crate::theme::Theme;

/// Steps that the smoothed loss looks back on, as a share of all.
const MEMORY: f64 = 0.03;

/// The loss of each step above the validation of each epoch.
#[derive(Debug, Clone)]
pub struct TrainingCurves {
    /// What the run has written so far.
    pub log: TrainingLog,
}

impl Picture for TrainingCurves {
    fn size(&self) -> (u32, u32) {
        (600, if self.log.validation.is_empty() { 340 } else { 560 })
    }

    fn draw(&self, canvas: &Canvas<'_>, theme: &Theme) -> Drawn {
        let (steps, validation) = (&self.log.steps, &self.log.validation);
        let last = steps.last().map_or(1.0, |step| step.step as f64).max(2.0);
        let x = [0.0, last];
        let split = if validation.is_empty() { self.size().1 as i32 } else { 280 };
        let (above, below) = canvas.split_vertically(split);

        let colour = theme.series(0);
        let legend = [("a step".to_owned(), theme.blend(colour, 0.45)), ("smoothed".to_owned(), colour)];
        let area = titled(&above, theme, "Training loss", &legend)?;
        let points: Vec<(f64, f64)> = steps.iter().map(|step| (step.step as f64, step.loss)).collect();
        let axes = Axes { theme, x: if validation.is_empty() { "step" } else { "" }, y: "loss", x_labels: true };
        let mut chart = axes.draw(&area, x, range(points.iter().map(|point| point.1)))?;
        chart.draw_series(LineSeries::new(points.clone(), theme.blend(colour, 0.45).stroke_width(1)))?;
        chart.draw_series(LineSeries::new(smoothed(&points), colour.stroke_width(2)))?;
        if validation.is_empty() {
            return Ok(());
        }

        let names = ["R@1", "R@5", "R@10", "mAP@10"];
        let legend: Vec<_> = names.iter().enumerate().map(|(i, name)| ((*name).to_owned(), theme.series(i))).collect();
        let area = titled(&below, theme, "Validation, text → music", &legend)?;
        let axes = Axes { theme, x: "step", y: "percent", x_labels: true };
        let mut chart = axes.draw(&area, x, [0.0, 102.0])?;
        for i in 0..names.len() {
            let points = validation.iter().map(|row| (row.step as f64, 100.0 * row.text_to_audio[i]));
            chart.draw_series(LineSeries::new(points, theme.series(i).stroke_width(2)))?;
        }
        Ok(())
    }
}

/// An exponential mean that is not drawn to its first value.
fn smoothed(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let keep = 1.0 - 1.0 / (MEMORY * points.len() as f64).max(1.0);
    let (mut mean, mut weight) = (0.0, 0.0);
    points
        .iter()
        .map(|&(x, y)| {
            mean = keep * mean + (1.0 - keep) * y;
            weight = keep * weight + (1.0 - keep);
            (x, mean / weight)
        })
        .collect()
}
