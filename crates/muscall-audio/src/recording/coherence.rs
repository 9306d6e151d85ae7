//! Of how much that sounds two recordings have the same waveform.

use std::ops::Range;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

use super::rate::RATE;

/// Samples of a frame, 64 ms.
const FRAME: usize = 512;
const HOP: usize = FRAME / 2;
/// Frames of a cell, a second.
const FRAMES: usize = 32;
/// Where bands of cells begin and end, in Hz.
const EDGES_HZ: [usize; 7] = [100, 300, 600, 1000, 1500, 2200, 3300];
const BANDS: usize = EDGES_HZ.len() - 1;
/// Cells so far below the loudest one, as a power, are what codecs leave out: 35 dB.
const FAINT: f64 = 3e-4;
/// The least coherence of a cell that is the same in both: what differs has half the power of what is common at most. At 0.7,
/// twice as many pieces with one instrument fewer were taken for copies; at 0.85, more copies by codecs below 40 kbit/s were not.
const COHERENT: f64 = 0.8;

/// One band for one second.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    cross: Complex32,
    power_a: f32,
    power_b: f32,
}

impl Cell {
    /// From 0 to 1, whatever the loudness, the polarity and a delay of less than a period.
    fn coherence(&self) -> f64 {
        let both = f64::from(self.power_a) * f64::from(self.power_b);
        if both > 0.0 { f64::from(self.cross.norm()) / both.sqrt() } else { 0.0 }
    }
}

/// Two recordings that begin at the same moment, cell by cell.
pub(super) struct Agreement {
    cells: Vec<[Cell; BANDS]>,
}

impl Agreement {
    /// Over the length of the shorter one, in whole seconds; the rest belongs to the last.
    pub(super) fn of(a: &[i16], b: &[i16]) -> Self {
        let frames = (a.len().min(b.len()) + HOP).saturating_sub(FRAME) / HOP;
        let seconds = frames / FRAMES;
        let (mut spectra_a, mut spectra_b) = (Spectra::new(), Spectra::new());
        let mut cells = vec![[Cell::default(); BANDS]; seconds];
        for frame in 0..if seconds > 0 { frames } else { 0 } {
            let at = frame * HOP..frame * HOP + FRAME;
            let (x, y) = (spectra_a.of(&a[at.clone()]), spectra_b.of(&b[at]));
            for (band, cell) in cells[(frame / FRAMES).min(seconds - 1)].iter_mut().enumerate() {
                for (x, y) in x[bins(band)].iter().zip(&y[bins(band)]) {
                    cell.cross += x * y.conj();
                    cell.power_a += x.norm_sqr();
                    cell.power_b += y.norm_sqr();
                }
            }
        }
        Self { cells }
    }

    /// The share of cells with the same waveform in both, among those in which one of them sounds.
    pub(super) fn share(&self) -> Option<f64> {
        let cells = || self.cells.iter().flatten();
        let total = |power: &dyn Fn(&Cell) -> f32| cells().map(|cell| f64::from(power(cell))).sum::<f64>();
        let (total_a, total_b) = (total(&|cell| cell.power_a), total(&|cell| cell.power_b));
        if !(total_a > 0.0 && total_b > 0.0) {
            return None;
        }
        // Each by its own loudness: what sounds in one alone counts.
        let loudness = |cell: &Cell| (f64::from(cell.power_a) / total_a).max(f64::from(cell.power_b) / total_b);
        let least = FAINT * cells().map(loudness).fold(0.0, f64::max);
        let (heard, same) = cells()
            .filter(|cell| loudness(cell) >= least)
            .fold((0, 0), |(heard, same), cell| (heard + 1, same + usize::from(cell.coherence() >= COHERENT)));
        (heard > 0).then(|| f64::from(same as u32) / f64::from(heard))
    }
}

fn bins(band: usize) -> Range<usize> {
    let bin = |hz: usize| (hz * FRAME + RATE as usize / 2) / RATE as usize;
    bin(EDGES_HZ[band])..bin(EDGES_HZ[band + 1])
}

/// Spectra of one frame after the other.
struct Spectra {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    frame: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl Spectra {
    fn new() -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(FRAME);
        let turn = |i: usize| std::f32::consts::TAU * i as f32 / FRAME as f32;
        let window = (0..FRAME).map(|i| 0.5 - 0.5 * turn(i).cos()).collect();
        let (frame, spectrum, scratch) = (fft.make_input_vec(), fft.make_output_vec(), fft.make_scratch_vec());
        Self { fft, window, frame, spectrum, scratch }
    }

    fn of(&mut self, samples: &[i16]) -> &[Complex32] {
        let Self { fft, window, frame, spectrum, scratch } = self;
        for ((frame, &sample), window) in frame.iter_mut().zip(samples).zip(window) {
            *frame = f32::from(sample) / f32::from(i16::MAX) * *window;
        }
        fft.process_with_scratch(frame, spectrum, scratch).expect("the buffers are those that it made");
        spectrum
    }
}
