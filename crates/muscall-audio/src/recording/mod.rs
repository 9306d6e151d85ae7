//! Whether two files hold one recording, by their sound itself.
//!
//! A copy that went through a codec, a filter or another sample rate, or lost its first moments, still has the waveform of
//! its original, which no other performance has: not the same notes by another instrument, not another tune by the same one.
//! So two recordings are laid over each other where they agree best, and compared second by second and band by band.

mod alignment;
mod coherence;
mod rate;

use crate::{AudioError, AudioSource, ClipConfig, CropPosition, Waveform, load_clip};
use alignment::offset;
use coherence::Agreement;
use rate::RATE;

/// So much of a long recording is heard, in seconds: 9.6 MB.
const HEARD_S: usize = 600;
/// The share of cells that must agree. All copies by codecs at 48 kbit/s and more had 0.99 or more; the same notes by a
/// SoundFont that has part of its samples in common, or with one faint instrument fewer, can come near.
const SHARE: f64 = 0.95;

/// The sound of a file up to 4 kHz, for comparison with others: 16 kB per second, of at most ten minutes.
///
/// ```no_run
/// use muscall_audio::Recording;
///
/// let (album, single) = (Recording::read("album/03.flac")?, Recording::read("single.mp3")?);
/// let is_copy = album.likeness(&single).is_some_and(|likeness| likeness.is_one_recording());
/// # Ok::<(), muscall_audio::AudioError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Recording {
    /// At [`RATE`], up to full scale; nothing if all is silent.
    samples: Vec<i16>,
}

/// How far two recordings agree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness {
    /// The share of what sounds in either, in cells of a second and a band, of which the other has the waveform too.
    pub share: f64,
    /// By how many seconds the second one begins earlier in the music: what was cut from the start of the second, or
    /// stands in front of the first.
    pub offset_s: f64,
}

impl Likeness {
    /// Whether one is a copy of the other, or both are of a third.
    pub fn is_one_recording(&self) -> bool {
        self.share >= SHARE
    }
}

impl Recording {
    /// Reads a file, or a [part](AudioSource) of one.
    ///
    /// # Errors
    /// [`AudioError`] with the path.
    pub fn read<'a>(source: impl Into<AudioSource<'a>>) -> Result<Self, AudioError> {
        let mut clip = load_clip(source, CropPosition::At { start_s: 0.0 }, &config())?;
        clip.samples.truncate(clip.valid);
        Ok(Self::of_samples(&clip.samples))
    }

    /// Of audio that is in memory.
    ///
    /// # Errors
    /// [`AudioError`] if its rate is not one that is resampled.
    pub fn of_waveform(waveform: &Waveform) -> Result<Self, AudioError> {
        let mut samples = config().resampler(waveform.sample_rate())?.resample(waveform.samples());
        samples.truncate(config().samples);
        Ok(Self::of_samples(&samples))
    }

    /// The loudest sample becomes full scale, so that a quiet file keeps its bits.
    fn of_samples(samples: &[f32]) -> Self {
        let peak = samples.iter().filter(|x| x.is_finite()).fold(0.0_f32, |peak, x| peak.max(x.abs()));
        if peak == 0.0 {
            return Self { samples: Vec::new() };
        }
        // What is not finite becomes 0 or full scale.
        let samples = samples.iter().map(|x| (x / peak * f32::from(i16::MAX)).round() as i16).collect();
        Self { samples }
    }

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> usize {
        self.samples.len() * size_of::<i16>()
    }

    /// How far this and another agree where they overlap, if one starts at most five seconds after the other. Loudness,
    /// polarity and a delay do not matter. Nothing if there is too little sound to tell: less than a second, or silence.
    pub fn likeness(&self, other: &Self) -> Option<Likeness> {
        let offset = offset(&self.samples, &other.samples)?;
        let (a, b) = (self.samples.get(offset.max(0) as usize..)?, other.samples.get((-offset).max(0) as usize..)?);
        let share = Agreement::of(a, b).share()?;
        Some(Likeness { share, offset_s: offset as f64 / f64::from(RATE) })
    }
}

fn config() -> ClipConfig {
    ClipConfig::new(RATE, HEARD_S * RATE as usize)
}

#[cfg(test)]
mod tests;
