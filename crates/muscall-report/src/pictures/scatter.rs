//! Points of several groups.

use plotters::prelude::*;

use crate::axes::{Axes, range, titled};
use crate::picture::{Canvas, Drawn, Picture};
use crate::theme::Theme;

/// Groups that have a colour and a shape of their own; the others share the last.
pub const GROUPS: usize = 6;

/// Embeddings in two dimensions.
#[derive(Debug, Clone, Default)]
pub struct Scatter {
    /// Above it.
    pub title: String,
    /// Names of the axes; none for t-SNE, whose axes mean nothing.
    pub axes: Option<[String; 2]>,
    /// Where.
    pub points: Vec<[f64; 2]>,
    /// The group of each.
    pub groups: Vec<usize>,
    /// Names of the groups.
    pub names: Vec<String>,
    /// Pairs of points that a faint line joins.
    pub links: Vec<[usize; 2]>,
}

impl Picture for Scatter {
    fn size(&self) -> (u32, u32) {
        (600, 520)
    }

    fn draw(&self, canvas: &Canvas<'_>, theme: &Theme) -> Drawn {
        let own = |group: usize| if self.names.len() > GROUPS { group.min(GROUPS - 1) } else { group };
        let mut legend: Vec<(String, RGBColor)> =
            self.names.iter().take(GROUPS).enumerate().map(|(i, name)| (name.clone(), theme.series(i))).collect();
        if self.names.len() > GROUPS {
            legend[GROUPS - 1].0 = format!("{} others", self.names.len() - GROUPS + 1);
        }
        let area = titled(canvas, theme, &self.title, &legend)?;
        let [x, y] = [0, 1].map(|axis| range(self.points.iter().map(|point| point[axis])));
        let mut chart = match &self.axes {
            Some([horizontal, vertical]) => {
                Axes { theme, x: horizontal, y: vertical, x_labels: true }.draw(&area, x, y)?
            }
            None => {
                let chart = ChartBuilder::on(&area).margin(14).build_cartesian_2d(x[0]..x[1], y[0]..y[1])?;
                chart.plotting_area().draw(&Rectangle::new([(x[0], y[0]), (x[1], y[1])], theme.faint))?;
                chart
            }
        };
        let at = |i: usize| (self.points[i][0], self.points[i][1]);
        let line = theme.faint.stroke_width(1);
        chart.draw_series(self.links.iter().map(|&[a, b]| PathElement::new([at(a), at(b)], line)))?;
        // A shape as well as a colour: for print, and for eyes that do not tell colours apart.
        let size = if self.points.len() > 400 { 3 } else { 5 };
        for (i, &group) in self.groups.iter().enumerate() {
            let group = own(group);
            let style = theme.series(group).filled();
            match group % 3 {
                0 => chart.draw_series([Circle::new(at(i), size, style)])?,
                1 => chart.draw_series([TriangleMarker::new(at(i), size + 1, style)])?,
                _ => chart.draw_series([Cross::new(at(i), size, theme.series(group).stroke_width(2))])?,
            };
        }
        Ok(())
    }
}
