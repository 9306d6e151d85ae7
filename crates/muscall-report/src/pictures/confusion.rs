//! Which class is taken for which.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::axes::{fit, titled, widest};
use crate::picture::{Canvas, Drawn, Picture};
use crate::theme::{LABEL, Theme};

/// Width of the longest name, in pixels.
const NAME: i32 = 150;
/// Above so many classes cells hold no numbers.
const NUMBERED: usize = 14;

/// A confusion matrix: rows are true classes, columns those that were chosen.
#[derive(Debug, Clone, Default)]
pub struct Confusion {
    /// Above it.
    pub title: String,
    /// Names.
    pub classes: Vec<String>,
    /// Counts, `[true, chosen]`.
    pub counts: Vec<Vec<usize>>,
}

impl Confusion {
    /// Side of a cell in pixels.
    fn cell(&self) -> i32 {
        (400 / self.classes.len().max(1) as i32).clamp(8, 72)
    }
}

impl Picture for Confusion {
    fn size(&self) -> (u32, u32) {
        // Names are turned below the matrix.
        let names = widest(&self.classes, NAME);
        (600, (38 + 50 + names + self.cell() * self.classes.len() as i32) as u32)
    }

    fn draw(&self, canvas: &Canvas<'_>, theme: &Theme) -> Drawn {
        let area = titled(canvas, theme, &self.title, &[])?;
        let side = self.cell();
        let size = LABEL.min(f64::from(side) * 0.95).max(9.0);
        let left = 44 + widest(&self.classes, NAME);
        for (i, row) in self.counts.iter().enumerate() {
            let total = row.iter().sum::<usize>().max(1) as f64;
            for (j, &count) in row.iter().enumerate() {
                let colour = theme.blend(theme.series(0), 0.06 + 0.94 * count as f64 / total);
                let (x, y) = (left + j as i32 * side, i as i32 * side);
                area.draw(&Rectangle::new([(x, y), (x + side - 1, y + side - 1)], colour.filled()))?;
                if count > 0 && self.classes.len() <= NUMBERED {
                    let style = theme.coloured(size, theme.on(colour)).pos(Pos::new(HPos::Center, VPos::Center));
                    area.draw(&Text::new(count.to_string(), (x + side / 2, y + side / 2), style))?;
                }
            }
        }
        let bottom = side * self.classes.len() as i32 + 6;
        let right = theme.text(size).pos(Pos::new(HPos::Right, VPos::Center));
        let turned = theme.text(size).transform(FontTransform::Rotate270).pos(Pos::new(HPos::Right, VPos::Center));
        for (i, name) in self.classes.iter().enumerate() {
            let name = fit(name, LABEL, NAME);
            let centre = i as i32 * side + side / 2;
            area.draw(&Text::new(name.clone(), (left - 6, centre), right.clone()))?;
            area.draw(&Text::new(name, (left + centre, bottom), turned.clone()))?;
        }
        let middle = side * self.classes.len() as i32 / 2;
        let own = theme.text(LABEL).pos(Pos::new(HPos::Center, VPos::Center));
        area.draw(&Text::new("is", (16, middle), own.clone().transform(FontTransform::Rotate270)))?;
        let below = area.dim_in_pixel().1 as i32 - 16;
        area.draw(&Text::new("is taken for", (left + middle, below), own))
    }
}
