//! One number for each of several things.

use muscall_retrieval::Interval;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::axes::{fit, titled, widest};
use crate::picture::{Canvas, Drawn, Picture};
use crate::theme::{LABEL, Theme};

/// Height of a bar and the space below it.
const ROW: i32 = 24;
/// Width of the longest name.
const NAME: i32 = 200;

/// A bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Before it.
    pub name: String,
    /// Its length, from 0 to 1.
    pub value: f64,
    /// Where the value lies, if that is known.
    pub interval: Option<Interval>,
}

/// Shares as horizontal bars, the longest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    /// Above them.
    pub title: String,
    /// In any order.
    pub bars: Vec<Bar>,
    /// What chance gives.
    pub chance: Option<f64>,
}

impl Picture for Bars {
    fn size(&self) -> (u32, u32) {
        (600, (60 + 22 * i32::from(self.chance.is_some()) + ROW * self.bars.len().max(1) as i32) as u32)
    }

    fn draw(&self, canvas: &Canvas<'_>, theme: &Theme) -> Drawn {
        let legend: Vec<_> =
            self.chance.iter().map(|x| (format!("chance {:.0} %", 100.0 * x), theme.series(1))).collect();
        let area = titled(canvas, theme, &self.title, &legend)?;
        let mut bars: Vec<&Bar> = self.bars.iter().collect();
        bars.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| a.name.cmp(&b.name)));
        let names: Vec<String> = bars.iter().map(|bar| bar.name.clone()).collect();
        let left = 24 + widest(&names, NAME);
        let full = area.dim_in_pixel().0 as i32 - left - 76;
        let at = |share: f64| left + (f64::from(full) * share.clamp(0.0, 1.0)).round() as i32;
        let right = theme.text(LABEL).pos(Pos::new(HPos::Right, VPos::Center));
        let label = theme.text(LABEL).pos(Pos::new(HPos::Left, VPos::Center));
        for (i, bar) in bars.iter().enumerate() {
            let (top, middle) = (ROW * i as i32 + 4, ROW * i as i32 + ROW / 2);
            area.draw(&Text::new(fit(&bar.name, LABEL, NAME), (left - 8, middle), right.clone()))?;
            area.draw(&Rectangle::new(
                [(left, top), (at(1.0), top + ROW - 8)],
                theme.blend(theme.faint, 0.5).filled(),
            ))?;
            area.draw(&Rectangle::new([(left, top), (at(bar.value), top + ROW - 8)], theme.series(0).filled()))?;
            if let Some(Interval { low, high }) = bar.interval {
                let whisker = theme.foreground.stroke_width(2);
                area.draw(&PathElement::new([(at(low), middle), (at(high), middle)], whisker))?;
            }
            area.draw(&Text::new(format!("{:.1} %", 100.0 * bar.value), (at(1.0) + 8, middle), label.clone()))?;
        }
        if let Some(chance) = self.chance {
            let line = theme.series(1).stroke_width(2);
            area.draw(&PathElement::new([(at(chance), 0), (at(chance), ROW * bars.len() as i32)], line))?;
        }
        Ok(())
    }
}
