//! The loss of a small file: coarse coefficients, and none where a codec has no bits left.

mod mdct;

use muscall_kernels::Level;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use self::mdct::Mdct;
use super::draw::{happens, require_probability, require_range, uniform};
use crate::AudioError;

const SECTION: &str = "codec";
/// Frames per second, about: 512 samples at 16 kHz.
const FRAMES_PER_S: u32 = 32;
/// Narrowest band, coefficients.
const NARROWEST: usize = 4;
/// How far the noise follows the music: 0 is noise of the same power in all bands, 1 the same distance in all of them.
/// Between the two, bands far below the loudest one are lost.
const SHAPING: f32 = 0.7;
/// Steps below this are not taken; the music is silent there.
const SMALLEST_STEP: f32 = 1e-30;

/// Rounds the clip's spectrum as a codec of a low bit rate does, without one: the coefficients of a cosine transform
/// are rounded, more coarsely where a band is loud, and some bands above a frequency are dropped from frame to frame.
///
/// The delay, the bit reservoir and the block switching of real codecs are not there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CodecLoss {
    /// Probability that it is applied.
    pub probability: f64,
    /// Lowest ratio of signal to rounding noise, dB.
    pub min_snr_db: f32,
    /// Highest ratio of signal to rounding noise, dB.
    pub max_snr_db: f32,
    /// Lowest frequency above which bands are dropped, Hz.
    pub min_holes_hz: f32,
    /// Highest frequency above which bands are dropped, Hz.
    pub max_holes_hz: f32,
    /// Largest share of those bands that is dropped.
    pub max_holes: f32,
}

impl Default for CodecLoss {
    fn default() -> Self {
        Self {
            probability: 0.3,
            min_snr_db: 6.0,
            max_snr_db: 24.0,
            min_holes_hz: 2500.0,
            max_holes_hz: 7000.0,
            max_holes: 0.6,
        }
    }
}

impl CodecLoss {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`AudioError::InvalidSetting`] naming the first field that does not make sense and what would.
    pub fn validate(&self) -> Result<(), AudioError> {
        require_probability(self.probability, SECTION)?;
        let ratios =
            [("min_snr_db", self.min_snr_db, "0 to 120 dB"), ("max_snr_db", self.max_snr_db, "min_snr_db to 120 dB")];
        require_range(SECTION, ratios, 0.0..=120.0)?;
        let frequencies = [
            ("min_holes_hz", self.min_holes_hz, "0 to 384000 Hz"),
            ("max_holes_hz", self.max_holes_hz, "min_holes_hz to 384000 Hz"),
        ];
        require_range(SECTION, frequencies, 0.0..=384_000.0)?;
        let holes = (0.0..=1.0).contains(&self.max_holes);
        crate::setting::require(holes, SECTION, "max_holes", self.max_holes, "0 to 1")
    }

    /// The loss of one clip; `None` when it stays as it is.
    pub fn draw(&self, rng: &mut impl Rng) -> Option<CodecLossParams> {
        happens(self.probability, rng).then(|| CodecLossParams {
            snr_db: uniform(self.min_snr_db, self.max_snr_db, rng),
            holes_hz: uniform(self.min_holes_hz, self.max_holes_hz, rng),
            holes: uniform(0.0, self.max_holes, rng),
            seed: rng.random(),
        })
    }
}

/// The loss of one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodecLossParams {
    /// Ratio of signal to rounding noise in a band as loud as the whole frame, dB: less in quieter ones. From about
    /// 100 dB on the rounding is that of the samples themselves.
    pub snr_db: f32,
    /// Above this frequency bands are dropped, Hz.
    pub holes_hz: f32,
    /// Probability that a band of a frame is dropped.
    pub holes: f32,
    /// Decides which ones.
    pub seed: u64,
}

impl CodecLossParams {
    /// Takes the clip through the transform and back.
    pub fn apply(&self, samples: &mut [f32], sample_rate: u32) {
        Level::best().vectorise(
            #[inline(always)]
            || self.recode(samples, sample_rate),
        );
    }

    #[inline(always)]
    fn recode(&self, samples: &mut [f32], sample_rate: u32) {
        let n = (sample_rate / FRAMES_PER_S).next_power_of_two().max(16) as usize;
        let bands = bands(n);
        let width_hz = sample_rate as f32 / 2.0 / n as f32;
        let first_hole = bands.partition_point(|band| (band.start as f32 * width_hz) < self.holes_hz);
        let coarseness = 12f32.sqrt() * 10f32.powf(-self.snr_db / 20.0);
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);

        // Every sample is in two frames: one frame reaches over each end.
        let frames = samples.len().div_ceil(n) + 1;
        let mut padded = vec![0.0; (frames + 1) * n];
        padded[n..n + samples.len()].copy_from_slice(samples);
        let mut sum = vec![0.0; padded.len()];
        let mut coefficients = vec![0.0; n];
        let mut mdct = Mdct::new(n);
        for start in (0..frames).map(|frame| frame * n) {
            mdct.forward(&padded[start..start + 2 * n], &mut coefficients);
            let whole = rms(&coefficients).powf(1.0 - SHAPING);
            for (number, band) in bands.iter().enumerate() {
                let band = &mut coefficients[band.clone()];
                if number >= first_hole && rng.random::<f32>() < self.holes {
                    band.fill(0.0);
                    continue;
                }
                round(band, coarseness * whole * rms(band).powf(SHAPING));
            }
            mdct.add_inverse(&coefficients, &mut sum[start..start + 2 * n]);
        }
        samples.copy_from_slice(&sum[n..n + samples.len()]);
    }
}

/// Rounds to multiples of a step.
#[inline(always)]
fn round(band: &mut [f32], step: f32) {
    if step > SMALLEST_STEP {
        let inverse = 1.0 / step;
        band.iter_mut().for_each(|value| *value = (*value * inverse).round_ties_even() * step);
    }
}

#[inline(always)]
fn rms(band: &[f32]) -> f32 {
    let energy: f32 = band.iter().map(|value| value * value).sum();
    (energy / band.len() as f32).sqrt()
}

/// Bands of a quarter of their frequency, but none narrower than `NARROWEST`.
fn bands(n: usize) -> Vec<std::ops::Range<usize>> {
    let (mut bands, mut start) = (Vec::new(), 0);
    while start < n {
        let width = (start / 4).max(NARROWEST);
        // What would be left of a band belongs to the last one.
        let end = if start + 2 * width > n { n } else { start + width };
        bands.push(start..end);
        start = end;
    }
    bands
}
