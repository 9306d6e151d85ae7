//! The log-mel spectrogram of audio that comes piece by piece.

use std::collections::VecDeque;

use super::decibel::{decibel, natural_log};
use super::energy::Energy;
use super::loudness::{Loudness, gain_of_energy};
use super::stft::{BLOCK, Scratch};
use super::{LogMelConfig, LogMelExtractor, PowerScale, first_non_finite};
use crate::AudioError;

/// Samples that are taken at a time: what they leave over is moved to the front of the memory.
const PIECE: usize = 1 << 15;

/// Frames of a recording of any length as its samples arrive, in memory that does not grow with it.
///
/// Each frame is that of [`LogMelExtractor::extract`] over the whole recording but for the floor, which follows the
/// music: it lies [`top_db`](super::LogMelConfig::top_db) under the loudest value of all frames that one window can
/// hold together with this one. So a frame depends on the samples around it alone, not on how they arrive; and a
/// recording of one window has the spectrogram that `extract` gives, to the bit.
///
/// With [`Loudness::Rms`] the same samples decide a frame's gain; then the spectrogram of one window is that of
/// `extract` but for its last samples, less than a hop. There is no such measure for [`Loudness::Ebur128`], which is
/// taken for the former here.
pub struct LogMelStream<'a> {
    extractor: &'a LogMelExtractor,
    /// Frames of a window.
    window: usize,
    samples: Vec<f32>,
    /// The frame that is centred at the first of `samples`.
    origin: usize,
    /// Samples so far.
    total: usize,
    /// The next frame to be transformed.
    next: usize,
    scratch: Scratch,
    /// Frames whose floor is not known yet, the first of which is frame `given`, `[frames, n_mels]`: in dB, or as
    /// powers if their gain is not known yet either.
    waiting: VecDeque<f32>,
    given: usize,
    /// Frames that are louder than all behind them and as near as a window, and how loud, in the same unit.
    loudest: VecDeque<(usize, f32)>,
    /// Of the samples, for the gain.
    energy: Option<Energy>,
}

impl LogMelExtractor {
    /// Starts on a recording of which windows of so many frames will be looked at.
    pub fn stream(&self, window: usize) -> LogMelStream<'_> {
        LogMelStream {
            extractor: self,
            // Samples around a moment are those between its frame and the next, at least.
            window: window.max(if self.config.loudness == Loudness::None { 1 } else { 2 }),
            samples: Vec::new(),
            origin: 0,
            total: 0,
            next: 0,
            scratch: self.stft.scratch(),
            waiting: VecDeque::new(),
            given: 0,
            loudest: VecDeque::new(),
            energy: (self.config.loudness != Loudness::None).then(|| Energy::new(self.config.hop)),
        }
    }
}

impl LogMelStream<'_> {
    /// Takes the next samples, and adds the frames that follow from all so far to `frames`.
    ///
    /// # Shapes
    /// - frames: `[frames, n_mels]`, dB: a frame is a row, where a [`LogMel`](super::LogMel) has it as a column.
    ///
    /// # Errors
    /// [`AudioError::NonFiniteSample`] and [`AudioError::ClipTooLoud`] as [`LogMelExtractor::extract`].
    pub fn push(&mut self, samples: &[f32], frames: &mut Vec<f32>) -> Result<(), AudioError> {
        if let Some(at) = first_non_finite(samples) {
            return Err(AudioError::NonFiniteSample { index: self.total + at, value: samples[at] });
        }
        let (hop, half) = (self.hop(), self.half());
        for piece in samples.chunks(PIECE) {
            self.samples.extend_from_slice(piece);
            if let Some(energy) = &mut self.energy {
                energy.add(piece);
            }
            self.total += piece.len();
            while self.total > 2 * half && (self.next + BLOCK - 1) * hop + half <= self.total {
                self.block(BLOCK, frames)?;
            }
            self.forget();
        }
        Ok(())
    }

    /// Ends the recording, and adds the frames that are left. What is shorter than a frame is followed by silence.
    ///
    /// # Errors
    /// [`AudioError::EmptyClip`] without samples, [`AudioError::ClipTooLoud`].
    pub fn finish(mut self, frames: &mut Vec<f32>) -> Result<(), AudioError> {
        if self.total == 0 {
            return Err(AudioError::EmptyClip);
        }
        let shortest = self.extractor.config.shortest();
        if self.total < shortest {
            self.samples.resize(shortest, 0.0);
            self.total = shortest;
        }
        let end = self.extractor.config.frames(self.total);
        while self.next < end {
            self.block(BLOCK.min(end - self.next), frames)?;
        }
        while self.given < self.next {
            self.give(frames);
        }
        Ok(())
    }

    /// Transforms the next `count` frames. They come in the same blocks however samples arrive.
    fn block(&mut self, count: usize, frames: &mut Vec<f32>) -> Result<(), AudioError> {
        let LogMelExtractor { config, stft, bank } = self.extractor;
        stft.block_powers(&self.samples, self.next - self.origin, count, &mut self.scratch);
        let mut bands = vec![0.0; config.n_mels * count];
        bank.apply(&self.scratch.powers, &mut bands, count, 0, count);
        if first_non_finite(&bands).is_some() {
            let peak = self.samples.iter().fold(0f32, |peak, s| peak.max(s.abs()));
            return Err(AudioError::ClipTooLoud { peak });
        }
        if self.energy.is_none() {
            bands.iter_mut().for_each(|value| *value = self.scaled(*value));
        }
        for frame in 0..count {
            let values = bands.iter().skip(frame).step_by(count).copied();
            let loudest = values.clone().fold(f32::NEG_INFINITY, f32::max);
            self.waiting.extend(values);
            self.heard(loudest, frames);
        }
        Ok(())
    }

    /// Drops samples that no frame needs any more. The last frame may be mirrored at the end of the recording, one
    /// sample farther back than half a window.
    fn forget(&mut self) {
        let keep = self.next.saturating_sub(self.half().div_ceil(self.hop()) + 1);
        self.samples.drain(..(keep - self.origin) * self.hop());
        self.origin = keep;
    }

    /// Takes note of how loud the next frame is, after which the floor of the earliest frame that waits may be known:
    /// nothing behind can raise it.
    fn heard(&mut self, loudest: f32, frames: &mut Vec<f32>) {
        while self.loudest.back().is_some_and(|&(_, quieter)| quieter <= loudest) {
            self.loudest.pop_back();
        }
        self.loudest.push_back((self.next, loudest));
        self.next += 1;
        if self.next >= self.given + self.window {
            self.give(frames);
        }
    }

    /// Gives the earliest frame that waits.
    fn give(&mut self, frames: &mut Vec<f32>) {
        while self.loudest.front().is_some_and(|&(at, _)| at + self.window <= self.given) {
            self.loudest.pop_front();
        }
        let LogMelConfig { scale, top_db, n_mels, loudness_db, .. } = self.extractor.config;
        let near = (self.given + 1).saturating_sub(self.window)..self.given + self.window - 1;
        let power_gain = self.energy.as_mut().map(|energy| gain_of_energy(energy.mean(near), loudness_db).powi(2));
        let value = |value: f32| power_gain.map_or(value, |gain| self.scaled(value * gain));
        let loudest = self.loudest.front().map_or(f32::NEG_INFINITY, |&(_, loudest)| value(loudest));
        let floor = match (scale, top_db) {
            (PowerScale::Decibel, Some(top_db)) => loudest - top_db,
            _ => f32::NEG_INFINITY,
        };
        let row = self.waiting.iter().take(n_mels).map(|&own| value(own));
        frames.extend(row.map(|value| if value > floor { value } else { floor }));
        self.waiting.drain(..n_mels);
        self.given += 1;
    }

    /// Of a power.
    fn scaled(&self, power: f32) -> f32 {
        match self.extractor.config.scale {
            PowerScale::Decibel => decibel(power, self.extractor.config.amin),
            PowerScale::NaturalLog => natural_log(power),
        }
    }

    fn hop(&self) -> usize {
        self.extractor.config.hop
    }

    fn half(&self) -> usize {
        self.extractor.config.n_fft / 2
    }
}

impl std::fmt::Debug for LogMelStream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogMelStream").field("total", &self.total).field("given", &self.given).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::LogMelConfig;

    /// Noise that swells and fades over 140 dB, so that floors matter.
    fn noise(samples: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let loudness = |i: usize| 10f32.powf(-7.0 * ((i as f32 / 9000.0).sin().abs()));
        (0..samples).map(|i| (rng.random::<f32>() - 0.5) * loudness(i)).collect()
    }

    fn streamed(extractor: &LogMelExtractor, samples: &[f32], window: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let (mut stream, mut frames, mut rest) = (extractor.stream(window), Vec::new(), samples);
        while !rest.is_empty() {
            let (piece, left) = rest.split_at(rng.random_range(1..=rest.len().min(40_000)));
            stream.push(piece, &mut frames).unwrap();
            rest = left;
        }
        stream.finish(&mut frames).unwrap();
        frames
    }

    fn configs() -> [LogMelConfig; 4] {
        let mut tight = LogMelConfig::new(40);
        tight.top_db = Some(30.0);
        let hop = LogMelConfig { n_fft: 512, hop: 512, ..LogMelConfig::new(32) };
        [LogMelConfig::default(), tight, LogMelConfig::dcase(), hop]
    }

    #[test]
    fn a_recording_of_one_window_is_what_extract_gives_to_the_bit() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for config in configs() {
            let extractor = config.init().unwrap();
            for samples in [1, 300, 512, 1024, 5000, 16_000, 33_333, 80_000] {
                let samples = noise(samples, &mut rng);
                let whole = extractor.extract(&samples).unwrap();
                let (n_mels, frames) = (whole.n_mels(), whole.frames());
                let found = streamed(&extractor, &samples, frames, &mut rng);
                assert_eq!(found.len(), n_mels * frames);
                for (at, value) in found.iter().enumerate() {
                    assert_eq!(*value, whole.values()[at % n_mels * frames + at / n_mels]);
                }
            }
        }
    }

    #[test]
    fn the_floor_follows_what_a_window_can_hold() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for config in configs() {
            let extractor = config.init().unwrap();
            let unfloored = LogMelConfig { top_db: None, ..config.clone() }.init().unwrap();
            let samples = noise(200_000, &mut rng);
            let frames = config.frames(samples.len());
            let n_mels = config.n_mels;
            for window in [1, 7, 100] {
                let found = streamed(&extractor, &samples, window, &mut rng);
                // In other pieces.
                assert_eq!(found, streamed(&extractor, &samples, window, &mut rng));
                let raw = unfloored.extract(&samples).unwrap();
                for frame in 0..frames {
                    let near = (frame + 1).saturating_sub(window)..(frame + window).min(frames);
                    let of = |band: usize, frame: usize| raw.values()[band * frames + frame];
                    let loudest = near.flat_map(|frame| (0..n_mels).map(move |band| of(band, frame)));
                    let loudest = loudest.fold(f32::NEG_INFINITY, f32::max);
                    let floor = match (config.scale, config.top_db) {
                        (PowerScale::Decibel, Some(top_db)) => loudest - top_db,
                        _ => f32::NEG_INFINITY,
                    };
                    for band in 0..n_mels {
                        assert_eq!(found[frame * n_mels + band], of(band, frame).max(floor));
                    }
                }
            }
        }
    }

    #[test]
    fn a_quieter_recording_has_the_same_frames() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for config in [LogMelConfig::default(), LogMelConfig::dcase()] {
            let extractor = config.with_loudness(Loudness::Rms).init().unwrap();
            // Of one level: longer recordings are as a window of them, up to what they are made of.
            let samples: Vec<f32> = (0..150_000).map(|_| rng.random::<f32>() - 0.5).collect();
            let quieter: Vec<f32> = samples.iter().map(|sample| sample * 0.05).collect();
            for window in [1, 2] {
                let shortest = streamed(&extractor, &samples, window, &mut rng);
                assert_eq!(shortest, streamed(&extractor, &samples, window, &mut rng));
                let mean = |frames: &[f32]| frames.iter().sum::<f32>() / frames.len() as f32;
                let far = mean(&shortest) - mean(extractor.extract(&samples).unwrap().values());
                assert!(far.abs() < 0.5, "{far} dB");
            }
            let found = streamed(&extractor, &samples, 100, &mut rng);
            for (a, b) in found.iter().zip(streamed(&extractor, &quieter, 100, &mut rng)) {
                assert!((a - b).abs() < 1e-3, "{a} {b}");
            }
            let whole = extractor.extract(&samples).unwrap();
            let (n_mels, frames) = (whole.n_mels(), whole.frames());
            for (at, value) in streamed(&extractor, &samples, frames, &mut rng).iter().enumerate() {
                let expected = whole.values()[at % n_mels * frames + at / n_mels];
                assert!((value - expected).abs() < 1e-3, "{value} {expected}");
            }
        }
    }

    #[test]
    fn what_is_no_number_is_named_by_its_place() {
        let extractor = LogMelConfig::default().init().unwrap();
        let (mut stream, mut frames) = (extractor.stream(10), Vec::new());
        stream.push(&[0.0; 5000], &mut frames).unwrap();
        let error = stream.push(&[0.0, f32::NAN], &mut frames).unwrap_err();
        assert!(matches!(error, AudioError::NonFiniteSample { index: 5001, .. }));
        let empty = extractor.stream(10).finish(&mut frames);
        assert!(matches!(empty, Err(AudioError::EmptyClip)));
    }
}
