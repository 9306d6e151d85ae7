//! A stretch of a file, of the length and at the rate of a model.

use std::ops::{ControlFlow, Range};
use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::decode::{Opened, open};
use crate::{
    AudioError, AudioSource, DecodeOptions, Padding, Repair, Resampler, Resampling, Waveform, central_start,
    decode_blocks, probe, random_start,
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
    /// What stands behind the end of a file that is shorter.
    pub padding: Padding,
    /// How files of other rates are resampled.
    pub resampling: Resampling,
}

impl ClipConfig {
    /// Clips of so many samples at a rate in Hz, padded with zeros; files may be repaired, and are resampled with
    /// torchaudio's kernel.
    pub const fn new(sample_rate: u32, samples: usize) -> Self {
        Self { sample_rate, samples, strict: false, padding: Padding::Zeros, resampling: Resampling::Torchaudio }
    }

    /// From files of a rate to that of the clips.
    pub(crate) fn resampler(&self, from_hz: u32) -> Result<Resampler, AudioError> {
        Resampler::with_kernel(from_hz, self.sample_rate, self.resampling)
    }
}

/// A stretch of audio.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Exactly as many as asked for, with padding where the file is shorter.
    pub samples: Vec<f32>,
    /// How many of them come from the file.
    pub valid: usize,
    /// Where in the file the clip starts.
    pub start_s: f64,
    /// What was mended in the part that was decoded.
    pub repairs: Vec<Repair>,
}

/// Loads a clip of a file, or of a [part](AudioSource) of one, decoding no more of it than it needs.
///
/// The result equals that stretch of the whole source, resampled as a whole: a clip starts on the
/// grid on which input and output samples coincide (every 10 ms for common rates).
///
/// # Errors
/// [`AudioError`] with the path.
pub fn load_clip<'a>(
    source: impl Into<AudioSource<'a>>,
    position: CropPosition,
    config: &ClipConfig,
) -> Result<Clip, AudioError> {
    let (source, options) = (source.into(), options(config));
    let file = open(source)?;
    let (sample_rate, total) = file.rate_and_frames(&options)?;
    let resampler = config.resampler(sample_rate)?;
    // A part beyond the declared end is there if the header is wrong.
    if let Ok(frames) = source.frames(sample_rate, total) {
        let expected = output_samples(frames.end - frames.start, &resampler);
        let (samples, start, repairs) = cut((&file, source), frames, position, config, &resampler, &options)?;
        let wanted = config.samples.min(expected.saturating_sub(start));
        if samples.len() >= wanted {
            return Ok(Clip::padded(samples, start, repairs, config));
        }
    }
    // The file has another length than it says: the true one decides where the clip lies.
    let (samples, repairs) = decode_source((&file, source), &options, &resampler)?;
    let (start, range) = cut_from(position, config, &resampler, samples.len(), samples.len());
    Ok(Clip::padded(samples[range].to_vec(), start, repairs, config))
}

/// All samples of a source at the rate of clips, whatever the file declares.
fn decode_source(
    (file, source): (&Opened<'_>, AudioSource<'_>),
    options: &DecodeOptions,
    resampler: &Resampler,
) -> Result<(Vec<f32>, Vec<Repair>), AudioError> {
    let whole = file.decode(options)?;
    let samples = whole.waveform.samples();
    let frames = source.frames(whole.waveform.sample_rate(), samples.len() as u64)?;
    Ok((resampler.resample(&samples[frames.start as usize..frames.end as usize]), whole.repairs))
}

impl Clip {
    /// A clip of audio that is in memory: what [`load_clip`] gives of a file with these samples.
    ///
    /// # Errors
    /// [`AudioError`] if its rate is not one that is resampled.
    pub fn of_waveform(waveform: &Waveform, position: CropPosition, config: &ClipConfig) -> Result<Self, AudioError> {
        let sample_rate = waveform.sample_rate();
        let samples = config.resampler(sample_rate)?.resample(waveform.samples());
        ClipSource { declared: samples.len(), samples, sample_rate, repairs: Vec::new() }.clip(position, config)
    }

    /// From the samples that there are, of which the first is number `start` of the file at the clip's
    /// rate.
    pub(crate) fn padded(samples: Vec<f32>, start: usize, repairs: Vec<Repair>, config: &ClipConfig) -> Self {
        let valid = samples.len().min(config.samples);
        let start_s = start as f64 / f64::from(config.sample_rate);
        Self { samples: config.padding.fit(&samples, config.samples), valid, start_s, repairs }
    }
}

/// All of a source that clips are cut from.
pub(crate) struct ClipSource {
    /// At the rate of the clips.
    pub(crate) samples: Vec<f32>,
    /// Of the file.
    pub(crate) sample_rate: u32,
    /// Samples at the rate of the clips, as the file's header has it.
    pub(crate) declared: usize,
    pub(crate) repairs: Vec<Repair>,
}

impl ClipSource {
    pub(crate) fn read(source: AudioSource<'_>, config: &ClipConfig) -> Result<Self, AudioError> {
        let (file, options) = (open(source)?, options(config));
        let (sample_rate, total) = file.rate_and_frames(&options)?;
        let resampler = config.resampler(sample_rate)?;
        let frames = source.frames(sample_rate, total);
        let (samples, repairs) = match (&frames, source.part) {
            (Ok(frames), Some(_)) => {
                let end = if source.has_end() { frames.end } else { u64::MAX };
                decode_frames(&file, frames.start..end, &options, &resampler)?
            }
            _ => decode_source((&file, source), &options, &resampler)?,
        };
        let declared = frames.map_or(samples.len(), |frames| output_samples(frames.end - frames.start, &resampler));
        Ok(Self { samples, sample_rate, declared, repairs })
    }

    /// The clip that a cache would give.
    pub(crate) fn clip(self, position: CropPosition, config: &ClipConfig) -> Result<Clip, AudioError> {
        let resampler = config.resampler(self.sample_rate)?;
        let (start, range) = cut_from(position, config, &resampler, self.declared, self.samples.len());
        Ok(Clip::padded(self.samples[range].to_vec(), start, self.repairs, config))
    }
}

/// Where a clip starts in a file of `found` samples that declares `declared` of them, and which of
/// those found it has.
pub(crate) fn cut_from(
    position: CropPosition,
    config: &ClipConfig,
    resampler: &Resampler,
    declared: usize,
    found: usize,
) -> (usize, Range<usize>) {
    let range = |start: usize| start.min(found)..(start + config.samples).min(found);
    let start = start_of(position, declared, config, resampler);
    if range(start).len() >= config.samples.min(declared.saturating_sub(start)) {
        return (start, range(start));
    }
    let start = start_of(position, found, config, resampler);
    (start, range(start))
}

fn options(config: &ClipConfig) -> DecodeOptions {
    DecodeOptions::default().with_strict(config.strict).with_npy_sample_rate(config.sample_rate)
}

/// Loads all of a file, or of a [part](AudioSource) of one, at the rate of a model; `config.samples` is not looked at.
///
/// # Errors
/// [`AudioError`] with the path.
pub fn load_whole<'a>(source: impl Into<AudioSource<'a>>, config: &ClipConfig) -> Result<Clip, AudioError> {
    let (source, options) = (source.into(), options(config));
    let (samples, repairs) = if source.part.is_some() {
        let source = ClipSource::read(source, config)?;
        (source.samples, source.repairs)
    } else {
        let whole = open(source)?.decode(&options)?;
        let resampler = config.resampler(whole.waveform.sample_rate())?;
        (resampler.resample(whole.waveform.into_samples()), whole.repairs)
    };
    Ok(Clip { valid: samples.len(), samples, start_s: 0.0, repairs })
}

/// Gives all of a file at the rate of a model to `take`, block by block: the samples of [`load_whole`], to the bit, in
/// memory that does not grow with the file, however long it is. Some may have been given when an error shows. It ends
/// where `take` breaks.
///
/// # Errors
/// [`AudioError`] with the path.
pub fn stream_whole(
    path: &Path,
    config: &ClipConfig,
    take: &mut dyn FnMut(&[f32]) -> ControlFlow<()>,
) -> Result<Vec<Repair>, AudioError> {
    let options = options(config);
    let resampler = config.resampler(probe(path, &options)?.sample_rate)?;
    let (mut stream, mut block, mut flow) = (resampler.stream(), Vec::new(), ControlFlow::Continue(()));
    let streamed = decode_blocks(path, &options, &mut |frames| {
        block.clear();
        stream.push(frames, &mut block);
        flow = take(&block);
        flow
    })?;
    if flow.is_continue() {
        block.clear();
        stream.finish(&mut block);
        let _ = take(&block);
    }
    Ok(streamed.repairs)
}

/// These frames of a file and no others, at the rate of clips.
fn decode_frames(
    file: &Opened<'_>,
    frames: Range<u64>,
    options: &DecodeOptions,
    resampler: &Resampler,
) -> Result<(Vec<f32>, Vec<Repair>), AudioError> {
    let options = options.clone().with_span(frames.start, frames.end - frames.start);
    let decoded = file.decode(&options)?;
    Ok((resampler.resample(decoded.waveform.into_samples()), decoded.repairs))
}

/// The samples of a clip of these frames before they are padded, where they start at the clip's rate, and what was
/// mended.
fn cut(
    (file, source): (&Opened<'_>, AudioSource<'_>),
    frames: Range<u64>,
    position: CropPosition,
    config: &ClipConfig,
    resampler: &Resampler,
    options: &DecodeOptions,
) -> Result<(Vec<f32>, usize, Vec<Repair>), AudioError> {
    let (from, to) = resampler.reduced();
    let total = output_samples(frames.end - frames.start, resampler);
    let start = start_of(position, total, config, resampler);
    // Whole periods of the resampler before and after the clip, so that its edges see what they
    // would see in all of the frames.
    let margin = resampler.margin().div_ceil(from);
    let period = start / to;
    let first = period.saturating_sub(margin);
    let count = (period - first + config.samples.div_ceil(to) + margin + 1) * from;
    let first_frame = frames.start + (first * from) as u64;
    let end = first_frame.saturating_add(count as u64);
    // A file may be longer than it declares; a part with an end goes no farther.
    let end = if source.has_end() { end.min(frames.end) } else { end };
    let (resampled, repairs) = decode_frames(file, first_frame..end, options, resampler)?;
    let skip = (period - first) * to;
    let end = (skip + config.samples).min(resampled.len());
    Ok((resampled[skip.min(end)..end].to_vec(), period * to, repairs))
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
