//! What is heard when: a spectrogram above the similarity of captions over time.

use muscall_audio::LogMel;
use plotters::element::BitMapElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::axes::{Axes, range, titled};
use crate::picture::{Canvas, Drawn, Picture};
use crate::theme::{LABEL, Theme};

/// Pixels of the spectrogram.
const IMAGE: (u32, u32) = (504, 160);

/// A track's log-mel spectrogram, with the similarity of some captions to each moment and, between
/// the two, the best one.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Of the whole track.
    pub log_mel: LogMel,
    /// Lowest and highest frequency of the spectrogram.
    pub band_hz: [f32; 2],
    /// Length of the track.
    pub seconds: f64,
    /// Words.
    pub captions: Vec<String>,
    /// Middle of each window.
    pub times_s: Vec<f64>,
    /// Cosines, `[captions, windows]`.
    pub similarities: Vec<Vec<f64>>,
    /// Where pieces begin, if the track is made of several.
    pub borders_s: Vec<f64>,
}

impl Moments {
    fn best(&self, window: usize) -> usize {
        let own = |caption: usize| self.similarities[caption][window];
        (0..self.captions.len()).max_by(|&a, &b| own(a).total_cmp(&own(b)).then(b.cmp(&a))).unwrap_or(0)
    }

    /// Viridis, as RGB.
    fn image(&self) -> Vec<u8> {
        let (mel, (width, height)) = (&self.log_mel, IMAGE);
        let [low, high] = range(mel.values().iter().map(|&x| f64::from(x)));
        let (bands, frames) = (mel.n_mels(), mel.frames());
        let mut pixels = Vec::with_capacity((3 * width * height) as usize);
        for y in 0..height {
            let band = ((height - 1 - y) as usize * bands) / height as usize;
            for x in 0..width {
                let [from, to] = [x, x + 1].map(|x| x as usize * frames / width as usize);
                let row = &mel.values()[band * frames..][..frames];
                let cell = &row[from.min(frames - 1)..to.clamp(from + 1, frames.max(from + 1)).min(frames)];
                let loudest = cell.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let share = ((f64::from(loudest) - low) / (high - low)).clamp(0.0, 1.0);
                let RGBColor(r, g, b) = ViridisRGB::get_color(share);
                pixels.extend([r, g, b]);
            }
        }
        pixels
    }
}

fn kilohertz(hz: f32) -> String {
    format!("{} kHz", (hz / 100.0).round() / 10.0)
}

impl Picture for Moments {
    fn size(&self) -> (u32, u32) {
        (600, 480 + 22 * self.captions.len() as u32)
    }

    fn draw(&self, canvas: &Canvas<'_>, theme: &Theme) -> Drawn {
        let legend: Vec<_> =
            self.captions.iter().enumerate().map(|(i, caption)| (format!("“{caption}”"), theme.series(i))).collect();
        let area = titled(canvas, theme, "Which words fit which moment", &legend)?;
        // The plot below has its axes at the same places.
        let left = 72;
        let image = BitMapElement::with_owned_buffer((left, 6), IMAGE, self.image());
        if let Some(image) = image {
            area.draw(&image)?;
        }
        let beside = theme.text(LABEL).pos(Pos::new(HPos::Right, VPos::Top));
        area.draw(&Text::new(kilohertz(self.band_hz[1]), (left - 6, 6), beside))?;
        let beside = theme.text(LABEL).pos(Pos::new(HPos::Right, VPos::Bottom));
        area.draw(&Text::new(kilohertz(self.band_hz[0]), (left - 6, 6 + IMAGE.1 as i32), beside))?;
        let at =
            |second: f64| left + (f64::from(IMAGE.0) * second / self.seconds.max(f64::MIN_POSITIVE)).round() as i32;
        let strip = IMAGE.1 as i32 + 12;
        let half = self.times_s.windows(2).next().map_or(self.seconds / 2.0, |pair| (pair[1] - pair[0]) / 2.0);
        for (window, &time) in self.times_s.iter().enumerate() {
            let from = if window == 0 { 0.0 } else { time - half };
            let to = if window + 1 == self.times_s.len() { self.seconds } else { time + half };
            let colour = theme.series(self.best(window)).filled();
            area.draw(&Rectangle::new([(at(from), strip), (at(to), strip + 12)], colour))?;
        }
        let (_, below) = area.split_vertically(strip + 14);
        let cosines = range(self.similarities.iter().flatten().copied());
        let axes = Axes { theme, x: "seconds", y: "cosine", x_labels: true };
        let mut chart = axes.draw(&below, [0.0, self.seconds], cosines)?;
        for &border in &self.borders_s {
            let line = [(border, cosines[0]), (border, cosines[1])];
            chart.draw_series(DashedLineSeries::new(line, 4, 4, theme.foreground.stroke_width(1)))?;
        }
        for (i, curve) in self.similarities.iter().enumerate() {
            let points = self.times_s.iter().copied().zip(curve.iter().copied());
            chart.draw_series(LineSeries::new(points, theme.series(i).stroke_width(2)))?;
        }
        Ok(())
    }
}
