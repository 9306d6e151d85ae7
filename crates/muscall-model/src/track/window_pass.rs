//! One pass over a recording whose windows go through the encoder one by one.

use muscall_audio::{AudioError, Clip};

use super::Track;
use crate::muscall::Muscall;
use crate::{AudioEmbedding, ModelError};

/// Windows that go through the encoder together.
const BATCH: usize = 32;

/// A recording that comes piece by piece, in memory that does not grow with it but for its embeddings: the windows of
/// [`segments`](Muscall::segments), to the bit.
#[derive(Debug)]
pub struct WindowPass<'a> {
    model: &'a Muscall,
    window: usize,
    hop: usize,
    /// Samples from number `origin` on.
    held: Vec<f32>,
    origin: usize,
    starts: Vec<usize>,
    rows: Vec<f32>,
}

impl<'a> WindowPass<'a> {
    pub(super) fn new(model: &'a Muscall) -> Self {
        let config = model.config();
        let hop = (config.segment_hop_s() * f64::from(config.log_mel.sample_rate)).round() as usize;
        let (window, hop) = (config.clip_samples(), hop.max(1));
        Self { model, window, hop, held: Vec::new(), origin: 0, starts: Vec::new(), rows: Vec::new() }
    }

    /// Takes the next samples at the model's rate.
    ///
    /// # Errors
    /// As [`embed_clips`](Muscall::embed_clips).
    pub fn push(&mut self, samples: &[f32]) -> Result<(), ModelError> {
        let batch = (BATCH - 1) * self.hop + self.window;
        // A second more than a batch at a time, however much comes.
        for piece in samples.chunks(1 << 16) {
            self.held.extend_from_slice(piece);
            while self.next() + batch <= self.known() {
                self.embed((0..BATCH).map(|window| self.next() + window * self.hop).collect())?;
                // The recording's last window starts at the last one so far, or behind it.
                let keep = self.starts.last().copied().unwrap_or(0);
                self.held.drain(..keep - self.origin);
                self.origin = keep;
            }
        }
        Ok(())
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// The same, and [`ModelError::Audio`] if there were no samples.
    pub fn finish(mut self) -> Result<Track, ModelError> {
        if self.known() == 0 {
            return Err(AudioError::EmptyClip.into());
        }
        let last = self.known().saturating_sub(self.window);
        let mut rest: Vec<usize> = (self.next()..=last).step_by(self.hop).collect();
        if rest.last().or(self.starts.last()) != Some(&last) {
            rest.push(last);
        }
        self.embed(rest)?;
        Ok(Track { starts: self.starts, windows: AudioEmbedding::new(self.rows, self.model.config().projection_dim) })
    }

    /// Samples so far.
    fn known(&self) -> usize {
        self.origin + self.held.len()
    }

    /// Where the next window starts.
    fn next(&self) -> usize {
        self.starts.last().map_or(0, |start| start + self.hop)
    }

    fn embed(&mut self, starts: Vec<usize>) -> Result<(), ModelError> {
        let samples = std::mem::take(&mut self.held);
        let held = Clip { valid: samples.len(), samples, start_s: 0.0, repairs: Vec::new() };
        let windows: Vec<_> = starts.iter().map(|start| (&held, start - self.origin)).collect();
        self.rows.extend_from_slice(self.model.embed_segments(&windows)?.values());
        self.held = held.samples;
        self.starts.extend(starts);
        Ok(())
    }
}
