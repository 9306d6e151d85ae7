//! Colours and letters of all pictures.

use plotters::style::text_anchor::Pos;
use plotters::style::{Color, FontFamily, FontStyle, IntoFont, RGBColor, TextStyle, register_font};

use crate::fonts::built_in;

/// Colours of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// As in file names.
    pub name: &'static str,
    /// Behind everything.
    pub background: RGBColor,
    /// Letters.
    pub foreground: RGBColor,
    /// Grids and frames.
    pub faint: RGBColor,
    /// Series, in this order.
    pub palette: [RGBColor; 6],
}

/// Dark on white.
///
/// # Source
/// The series are those of Okabe and Ito 2008, which people tell apart with any kind of colour
/// vision.
pub const LIGHT: Theme = Theme {
    name: "light",
    background: RGBColor(255, 255, 255),
    foreground: RGBColor(34, 34, 34),
    faint: RGBColor(221, 221, 221),
    palette: [
        RGBColor(0, 114, 178),
        RGBColor(213, 94, 0),
        RGBColor(0, 158, 115),
        RGBColor(204, 121, 167),
        RGBColor(230, 159, 0),
        RGBColor(86, 180, 233),
    ],
};

/// Light on near black; the same series, with a blue and a vermilion that stand out.
pub const DARK: Theme = Theme {
    name: "dark",
    background: RGBColor(20, 22, 26),
    foreground: RGBColor(226, 226, 226),
    faint: RGBColor(62, 66, 74),
    palette: [
        RGBColor(86, 180, 233),
        RGBColor(240, 124, 48),
        RGBColor(38, 190, 146),
        RGBColor(214, 140, 182),
        RGBColor(240, 228, 66),
        RGBColor(150, 160, 176),
    ],
};

/// Size of the title in pixels; everything else is a little smaller.
pub(crate) const TITLE: f64 = 20.0;
/// Size of labels in pixels.
pub(crate) const LABEL: f64 = 16.5;

impl Theme {
    /// Letters of the foreground colour.
    pub(crate) fn text(&self, size: f64) -> TextStyle<'static> {
        self.coloured(size, self.foreground)
    }

    /// Letters of a colour.
    pub(crate) fn coloured(&self, size: f64, colour: RGBColor) -> TextStyle<'static> {
        // Registering it again is harmless; a font that is part of the program parses.
        let _ = register_font(FontFamily::SansSerif.as_str(), FontStyle::Normal, built_in());
        let font = (FontFamily::SansSerif, size).into_font();
        TextStyle { font, color: colour.to_backend_color(), pos: Pos::default() }
    }

    /// The colour of a series; a seventh one gets the first colour again.
    pub(crate) fn series(&self, i: usize) -> RGBColor {
        self.palette[i % self.palette.len()]
    }

    /// Between the background (0) and a colour (1).
    pub(crate) fn blend(&self, colour: RGBColor, share: f64) -> RGBColor {
        let mix = |from: u8, to: u8| (f64::from(from) + (f64::from(to) - f64::from(from)) * share).round() as u8;
        let (from, to) = (self.background, colour);
        RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
    }

    /// The colour that can be read on another one.
    pub(crate) fn on(&self, behind: RGBColor) -> RGBColor {
        let (r, g, b) = behind.rgb();
        let light = 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b);
        if light > 140.0 { RGBColor(20, 20, 20) } else { RGBColor(250, 250, 250) }
    }
}
