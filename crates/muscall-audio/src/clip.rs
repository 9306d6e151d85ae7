//! A stretch of a file, of the length and at the rate of a model.

use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    AudioError, DecodeOptions, Repair, Resampler, central_start, count_frames, crop_or_pad, decode, probe, random_start,
};

/// Where in a file a clip starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CropPosition {
    /// In the middle.
    Central,
    /// At a time, in seconds.
    At {
        /// From the start of the file.
        start_s: f64,
    },
    /// Anywhere, as the seed decides.
    Random {
        /// Of the draw.
        seed: u64,
    },
}

/// Rate and length of clips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipConfig {
    /// Of the clip, in Hz; files of other rates are resampled.
    pub sample_rate: u32,
    /// Of the clip.
    pub samples: usize,
    /// Whether a file that has to be repaired is an error.
    pub strict: bool,
}

/// A stretch of audio.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Exactly as many as asked for, zeros at the end where the file is shorter.
    pub samples: Vec<f32>,
    /// How many of them come from the file.
    pub valid: usize,
    /// Where in the file the clip starts.
    pub start_s: f64,
    /// What was mended in the part that was decoded.
    pub repairs: Vec<Repair>,
}

/// Loads a clip, decoding no more of the file than it needs.
///
/// The result equals that stretch of the whole file, resampled as a whole: a clip starts on the
/// grid on which input and output samples coincide (every 10 ms for common rates).
///
/// # Errors
/// [`AudioError`] with the path.
pub fn load_clip(path: &Path, position: CropPosition, config: &ClipConfig) -> Result<Clip, AudioError> {
    let options = DecodeOptions::default().with_strict(config.strict).with_npy_sample_rate(config.sample_rate);
    let info = probe(path, &options)?;
    let resampler = Resampler::new(info.sample_rate, config.sample_rate)?;
    let total = match info.declared_frames {
        Some(frames) => frames,
        None => count_frames(path, &options)?,
    };
    let clip = cut(path, position, config, &resampler, &options, total)?;
    let expected = output_samples(total, &resampler);
    let wanted = config.samples.min(expected.saturating_sub(clip.start));
    if clip.samples.len() >= wanted {
        return Ok(clip.finish(config));
    }
    // The file is shorter than it says: its true length decides where the clip lies.
    let whole = decode(path, &options)?;
    let samples = resampler.resample(whole.waveform.samples());
    let start = start_of(position, samples.len(), config, &resampler);
    let end = (start + config.samples).min(samples.len());
    let samples = samples[start.min(end)..end].to_vec();
    Ok(Cut { samples, start, repairs: whole.repairs }.finish(config))
}

/// Samples of a clip before they are padded, and where they start at the clip's rate.
struct Cut {
    samples: Vec<f32>,
    start: usize,
    repairs: Vec<Repair>,
}

impl Cut {
    fn finish(self, config: &ClipConfig) -> Clip {
        let valid = self.samples.len().min(config.samples);
        Clip {
            samples: crop_or_pad(&self.samples, 0, config.samples),
            valid,
            start_s: self.start as f64 / f64::from(config.sample_rate),
            repairs: self.repairs,
        }
    }
}

/// Loads all of a file, at the rate of a model; `config.samples` is not looked at.
///
/// # Errors
/// [`AudioError`] with the path.
pub fn load_whole(path: &Path, config: &ClipConfig) -> Result<Clip, AudioError> {
    let options = DecodeOptions::default().with_strict(config.strict).with_npy_sample_rate(config.sample_rate);
    let whole = decode(path, &options)?;
    let resampler = Resampler::new(whole.waveform.sample_rate(), config.sample_rate)?;
    let samples = resampler.resample(whole.waveform.samples());
    Ok(Clip { valid: samples.len(), samples, start_s: 0.0, repairs: whole.repairs })
}

fn cut(
    path: &Path,
    position: CropPosition,
    config: &ClipConfig,
    resampler: &Resampler,
    options: &DecodeOptions,
    total: u64,
) -> Result<Cut, AudioError> {
    let (from, to) = resampler.reduced();
    let start = start_of(position, output_samples(total, resampler), config, resampler);
    // Whole periods of the resampler before and after the clip, so that its edges see what they
    // would see in the whole file.
    let margin = resampler.margin().div_ceil(from);
    let period = start / to;
    let first = period.saturating_sub(margin);
    let frames = (period - first + config.samples.div_ceil(to) + margin + 1) * from;
    let options = options.clone().with_span((first * from) as u64, frames as u64);
    let decoded = decode(path, &options)?;
    let resampled = resampler.resample(decoded.waveform.samples());
    let skip = (period - first) * to;
    let end = (skip + config.samples).min(resampled.len());
    Ok(Cut { samples: resampled[skip.min(end)..end].to_vec(), start: period * to, repairs: decoded.repairs })
}

fn output_samples(frames: u64, resampler: &Resampler) -> usize {
    let (from, to) = resampler.reduced();
    usize::try_from((u128::from(frames) * to as u128).div_ceil(from as u128)).unwrap_or(usize::MAX)
}

/// The first sample of the clip, on the resampler's grid.
fn start_of(position: CropPosition, total: usize, config: &ClipConfig, resampler: &Resampler) -> usize {
    let (_, to) = resampler.reduced();
    let start = match position {
        CropPosition::Central => central_start(total, config.samples),
        CropPosition::At { start_s } => {
            ((start_s.max(0.0) * f64::from(config.sample_rate)).round() as usize).min(total)
        }
        CropPosition::Random { seed } => random_start(total, config.samples, &mut ChaCha8Rng::seed_from_u64(seed)),
    };
    start / to * to
}
