//! A picture: drawn once as SVG, and from that as PNG.

use std::io;
use std::path::{Path, PathBuf};

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters_svg::SVGBackend;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::Tree;

use crate::ReportError;
use crate::fonts::Fonts;
use crate::theme::{DARK, LIGHT, Theme};
use crate::typeset::{options, with_directions, with_places};

/// What pictures are drawn on.
pub type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// How drawing ends.
pub type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<io::Error>>;

/// PNG pixels a pixel of the SVG, for screens of high density.
const PNG_SCALE: f32 = 2.0;

/// Something that can be drawn from plain numbers.
pub trait Picture {
    /// Width and height in pixels.
    fn size(&self) -> (u32, u32) {
        (600, 400)
    }

    /// # Errors
    /// Those of the drawing library.
    fn draw(&self, canvas: &Canvas<'_>, theme: &Theme) -> Drawn;
}

/// A picture as text, in which words stay words: whoever shows it has the fonts for them.
///
/// # Errors
/// [`ReportError::Draw`], which would be a defect of this library.
pub fn svg(name: &str, picture: &dyn Picture, theme: &Theme) -> Result<String, ReportError> {
    let failed = |error: DrawingAreaErrorKind<io::Error>| draw_error(name, &error);
    let mut text = String::new();
    {
        let canvas = SVGBackend::with_string(&mut text, picture.size()).into_drawing_area();
        canvas.fill(&theme.background).map_err(failed)?;
        picture.draw(&canvas, theme).map_err(failed)?;
        canvas.present().map_err(failed)?;
    }
    Ok(with_directions(&text))
}

/// An SVG as PNG, at twice its size. Words are set in the font that is part of the program, and where it lacks a
/// character in a font of this computer; a character that no font has is a box (see [`without_font`]).
///
/// # Errors
/// [`ReportError::Draw`] if it is none.
pub fn png(name: &str, svg: &str) -> Result<Vec<u8>, ReportError> {
    let fonts = Fonts::of(svg);
    let placed = with_places(svg, fonts);
    let tree = Tree::from_str(&placed, &options(fonts)).map_err(|error| draw_error(name, &error))?;
    let size = tree.size().to_int_size().scale_by(PNG_SCALE).unwrap_or_else(|| tree.size().to_int_size());
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or_else(|| draw_error(name, &"no memory"))?;
    resvg::render(&tree, Transform::from_scale(PNG_SCALE, PNG_SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| draw_error(name, &error))
}

/// In words, the scripts of a text or an SVG for which neither the program nor this computer has a font: their
/// characters are boxes in a PNG. Empty if all is well.
pub fn without_font(text: &str) -> Vec<String> {
    Fonts::of(text).lacking(text).into_iter().collect()
}

fn draw_error(name: &str, reason: &dyn std::fmt::Display) -> ReportError {
    ReportError::Draw { name: name.to_owned(), reason: reason.to_string() }
}

/// A picture on the disk, and its text for pages that hold everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedPicture {
    /// The light SVG.
    pub light: String,
    /// The dark SVG.
    pub dark: String,
    /// The four files.
    pub files: [PathBuf; 4],
}

/// Writes `<name>-{light,dark}.{svg,png}`.
///
/// # Errors
/// [`ReportError::Io`] with the file.
pub fn save(picture: &dyn Picture, dir: &Path, name: &str) -> Result<SavedPicture, ReportError> {
    let [light, dark] = [svg(name, picture, &LIGHT)?, svg(name, picture, &DARK)?];
    let write = |theme: &Theme, extension: &str, bytes: &[u8]| {
        let path = dir.join(format!("{name}-{}.{extension}", theme.name));
        muscall_files::write(&path, bytes)?;
        Ok::<_, ReportError>(path)
    };
    let files = [
        write(&LIGHT, "svg", light.as_bytes())?,
        write(&LIGHT, "png", &png(name, &light)?)?,
        write(&DARK, "svg", dark.as_bytes())?,
        write(&DARK, "png", &png(name, &dark)?)?,
    ];
    Ok(SavedPicture { light, dark, files })
}
