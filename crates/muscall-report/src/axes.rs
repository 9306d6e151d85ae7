//! What pictures share: a title, a legend, axes, words that are cut to fit.

use plotters::prelude::*;
use plotters::style::RGBColor;
use unicode_segmentation::UnicodeSegmentation;

use crate::picture::{Canvas, Drawn};
use crate::runs::one_line;
use crate::theme::{LABEL, TITLE, Theme};
use crate::typeset;

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
    canvas.draw(&Text::new(fit(title, TITLE, room), (MARGIN, 10), theme.text(TITLE)))?;
    let (mut x, mut y) = (MARGIN, 38);
    for (name, colour) in legend {
        let name = fit(name, LABEL, room - 20);
        let length = self::width(&name, LABEL);
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

/// Words that are at most so many pixels wide, with an ellipsis where they are cut: between letters, as readers see them.
pub(crate) fn fit(text: &str, size: f64, room: i32) -> String {
    let text = one_line(text);
    // The narrowest letter is wider than two pixels: what is beyond need not be measured.
    let ends: Vec<usize> =
        text.grapheme_indices(true).map(|(start, _)| start).take(room.max(0) as usize / 2 + 1).collect();
    let is_bounded = text.graphemes(true).count() == ends.len();
    if is_bounded && width(&text, size) <= room {
        return text;
    }
    let cut = |count: usize| text[..ends[count]].trim_end().to_owned() + "…";
    // Longer beginnings are wider, or nearly so: letters that join may be narrower than one of them.
    let (mut fits, mut above) = (0, ends.len());
    while above - fits > 1 {
        let middle = usize::midpoint(fits, above);
        if width(&cut(middle), size) <= room { fits = middle } else { above = middle }
    }
    let cut = if fits < ends.len() { cut(fits) } else { String::new() };
    if width(&cut, size) <= room { cut } else { String::new() }
}

/// The width of words in whole pixels.
pub(crate) fn width(text: &str, size: f64) -> i32 {
    typeset::width(text, size).ceil() as i32
}

/// The widest of some words, at most `limit` pixels.
pub(crate) fn widest(words: &[String], limit: i32) -> i32 {
    words.iter().map(|word| width(word, LABEL)).max().unwrap_or(0).min(limit)
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
        let (width, height) = canvas.dim_in_pixel();
        if !self.x.is_empty() {
            mesh.x_desc(fit(self.x, LABEL, width as i32 - 100));
        }
        if !self.y.is_empty() {
            mesh.y_desc(fit(self.y, LABEL, height as i32 - 60));
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
