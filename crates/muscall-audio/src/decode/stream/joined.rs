//! An mp3 that was put together from files of several rates or numbers of channels: all of it at the rate of the first.

use super::super::mpeg::{Kind, frame};
use super::super::packets::Placed;
use crate::resample::{Progress, Resampler};
use crate::{AudioError, Repair};

/// What the packets are at the moment, and what they are converted to.
pub(super) struct Joined {
    first: Kind,
    now: Kind,
    /// One for each rate that came.
    resamplers: Vec<(u32, Resampler)>,
    progress: Progress,
    /// Frames of the part that is converted.
    frames: usize,
    /// Where the first change is, and to what.
    changed: Option<(i64, Kind)>,
}

/// What a packet is beside the ones before it.
pub(super) enum Next {
    Same,
    /// Of another kind, but the one behind it is not: its header is damaged.
    Alone,
    /// The first one of another part.
    Other(Kind),
}

impl Joined {
    pub(super) fn new(first: Kind) -> Self {
        Self { first, now: first, resamplers: Vec::new(), progress: Progress::default(), frames: 0, changed: None }
    }

    pub(super) fn look(&self, packet: &Placed, behind: Option<&Placed>) -> Next {
        let kind = |packet: &Placed| frame(&packet.packet.data).map(|(kind, _)| kind);
        match (kind(packet), behind.map(kind)) {
            (Some(this), _) if this == self.now => Next::Same,
            // Of the last packet nobody knows.
            (Some(this), Some(Some(next))) if this == next => Next::Other(this),
            (None, _) => Next::Same,
            _ => Next::Alone,
        }
    }

    /// Whether frames go through unchanged.
    pub(super) fn is_plain(&self) -> bool {
        self.now.rate == self.first.rate
    }

    /// Whether timestamps, which count the frames of all kinds alike, tell where a packet belongs.
    pub(super) fn is_in_time(&self) -> bool {
        self.resamplers.is_empty()
    }

    /// How many frames so many of a packet are in the end, about.
    pub(super) fn scaled(&self, frames: i64) -> i64 {
        if self.is_plain() { frames } else { frames * i64::from(self.first.rate) / i64::from(self.now.rate) }
    }

    /// Ends a part, and gives its last frames and how many it had all in all.
    pub(super) fn end(&mut self) -> (Vec<f32>, usize) {
        let (progress, frames) = (std::mem::take(&mut self.progress), std::mem::take(&mut self.frames));
        let mut rest = Vec::new();
        let Some(resampler) = self.resampler() else { return (rest, frames) };
        let length = resampler.output_len(frames);
        progress.finish(resampler, &mut rest);
        (rest, length)
    }

    /// Goes on with another part that starts at a frame.
    pub(super) fn begin(&mut self, kind: Kind, at: i64) -> Result<(), AudioError> {
        self.now = kind;
        self.changed.get_or_insert((at, kind));
        if !self.is_plain() && self.resampler().is_none() {
            self.resamplers.push((kind.rate, Resampler::new(kind.rate, self.first.rate)?));
        }
        Ok(())
    }

    fn resampler(&self) -> Option<&Resampler> {
        let known = self.resamplers.iter().find(|(rate, _)| *rate == self.now.rate && !self.is_plain());
        known.map(|(_, resampler)| resampler)
    }

    /// Frames at the first rate, as far as they are known.
    pub(super) fn convert(&mut self, frames: Vec<f32>) -> Vec<f32> {
        self.frames += frames.len();
        let mut progress = std::mem::take(&mut self.progress);
        let Some(resampler) = self.resampler() else { return frames };
        let mut out = Vec::new();
        progress.push(resampler, &frames, &mut out);
        self.progress = progress;
        out
    }

    /// Counts frames that are not decoded; gives what is certain of them.
    pub(super) fn count(&mut self, frames: i64) -> i64 {
        if self.is_plain() {
            return frames;
        }
        self.frames += usize::try_from(frames).unwrap_or(0);
        0
    }

    /// The number of a part's frames that were counted.
    pub(super) fn counted(&mut self) -> i64 {
        if self.is_plain() {
            self.frames = 0;
            return 0;
        }
        i64::try_from(self.end().1).unwrap_or(i64::MAX)
    }

    pub(super) fn repair(&self) -> Option<Repair> {
        let (at, Kind { rate, channels }) = self.changed?;
        let channels = if channels == 1 { "mono" } else { "stereo" };
        Some(Repair::Converted { at: u64::try_from(at).unwrap_or(0), from: format!("{rate} Hz {channels}") })
    }
}
