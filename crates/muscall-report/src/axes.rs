//! What pictures share: a title, a legend, axes, words that are cut to fit.

use plotters::prelude::*;
use plotters::style::RGBColor;

use crate::picture::{Canvas, Drawn};
use crate::theme::{LABEL, TITLE, Theme};

/// Space at the edges, in pixels.
const MARGIN: i32 = 14;
/// Height of a line of the legend.
const LINE: i32 = 22;

/// Draws the title and, below it, names in the colours of their series; gives what is left. The
/// legend is never inside the plot, so that it cannot hide anything.
pub(crate) fn titled<'a>(
    canvas: &Canvas<'a>,
    theme: &Theme,
    title: &str,
    legend: &[(String, RGBColor)],
) -> Drawn<Canvas<'a>> {
    let (width, _) = canvas.dim_in_pixel();
    let room = width as i32 - 2 * MARGIN;
    canvas.draw(&Text::new(fit(canvas, title, TITLE, room, theme)?, (MARGIN, 10), theme.text(TITLE)))?;
    let (mut x, mut y) = (MARGIN, 38);
    for (name, colour) in legend {
        let name = fit(canvas, name, LABEL, room - 20, theme)?;
        let length = text_width(canvas, &name, LABEL, theme)?;
        if x > MARGIN && x + 20 + length > width as i32 - MARGIN {
            (x, y) = (MARGIN, y + LINE);
        }
        canvas.draw(&Rectangle::new([(x, y + 4), (x + 12, y + 16)], colour.filled()))?;
        canvas.draw(&Text::new(name, (x + 18, y + 1), theme.text(LABEL)))?;
        x += 18 + length + 18;
    }
    let top = if legend.is_empty() { 38 } else { y + LINE };
    Ok(canvas.split_vertically(top).1)
}

/// The width of words in pixels.
pub(crate) fn text_width(canvas: &Canvas<'_>, text: &str, size: f64, theme: &Theme) -> Drawn<i32> {
    Ok(canvas.estimate_text_size(text, &theme.text(size))?.0 as i32)
}

/// Words that are at most so wide, with an ellipsis where they are cut.
pub(crate) fn fit(canvas: &Canvas<'_>, text: &str, size: f64, width: i32, theme: &Theme) -> Drawn<String> {
    // The font has no glyphs for control characters.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text_width(canvas, &text, size, theme)? <= width {
        return Ok(text);
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let cut: String = kept.iter().collect::<String>().trim_end().to_owned() + "…";
        if text_width(canvas, &cut, size, theme)? <= width {
            return Ok(cut);
        }
    }
    Ok(String::new())
}

/// The widest of some words, at most `limit` pixels.
pub(crate) fn widest(canvas: &Canvas<'_>, words: &[String], limit: i32, theme: &Theme) -> Drawn<i32> {
    let mut width = 0;
    for word in words {
        width = width.max(text_width(canvas, word, LABEL, theme)?);
    }
    Ok(width.min(limit))
}

/// A plot with labelled axes and a faint grid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axes<'t> {
    pub(crate) theme: &'t Theme,
    pub(crate) x: &'t str,
    pub(crate) y: &'t str,
    /// Whether the values of x are shown.
    pub(crate) x_labels: bool,
}

/// A plot in which series are drawn.
pub(crate) type Plot<'a> = ChartContext<
    'a,
    plotters_svg::SVGBackend<'a>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

impl Axes<'_> {
    pub(crate) fn draw<'a>(&self, canvas: &Canvas<'a>, x: [f64; 2], y: [f64; 2]) -> Drawn<Plot<'a>> {
        let mut chart = ChartBuilder::on(canvas)
            .margin_left(8)
            .margin_right(24)
            .margin_top(8)
            .margin_bottom(6)
            .x_label_area_size(if self.x.is_empty() { 26 } else { 46 })
            .y_label_area_size(64)
            .build_cartesian_2d(x[0]..x[1], y[0]..y[1])?;
        let theme = self.theme;
        let mut mesh = chart.configure_mesh();
        mesh.light_line_style(TRANSPARENT)
            .bold_line_style(theme.faint)
            .axis_style(theme.faint)
            .label_style(theme.text(LABEL))
            .axis_desc_style(theme.text(LABEL))
            .x_labels(if self.x_labels { 8 } else { 0 })
            .y_labels(5)
            .x_label_formatter(&number)
            .y_label_formatter(&number);
        if !self.x.is_empty() {
            mesh.x_desc(self.x);
        }
        if !self.y.is_empty() {
            mesh.y_desc(self.y);
        }
        mesh.draw()?;
        Ok(chart)
    }
}

/// As few digits as say it.
#[allow(clippy::trivially_copy_pass_by_ref)]
pub(crate) fn number(value: &f64) -> String {
    let (value, unit) = match value.abs() {
        x if x >= 1e6 => (value / 1e6, "M"),
        x if x >= 1e4 => (value / 1e3, "k"),
        _ => (*value, ""),
    };
    // −0 is 0 to a reader.
    format!("{}{unit}", (value * 1e4).round() / 1e4 + 0.0)
}

/// From just below the smallest to just above the largest value.
pub(crate) fn range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let finite = values.filter(|x| x.is_finite());
    let [low, high] = finite.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], x| [low.min(x), high.max(x)]);
    if low > high {
        return [0.0, 1.0];
    }
    let room = if high > low { 0.05 * (high - low) } else { 0.5 };
    [low - room, high + room]
}
