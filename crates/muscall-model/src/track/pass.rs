//! One pass over a recording: samples in, embeddings of its windows out.

use muscall_audio::LogMelStream;

use super::Track;
use super::map::Map;
use crate::finite::append;
use crate::muscall::Muscall;
use crate::{AudioEmbedding, ModelError};

/// Frames that go through the network together: enough to make use of its weights once they are in the cache.
const STRIP: usize = 1024;

/// A recording that comes piece by piece, in memory that does not grow with it but for its embeddings.
///
/// Windows are [`clip_s`](crate::MuscallConfig::clip_s) long and start at columns of the encoder's last feature map;
/// the last one ends with the last column. A recording of at most one window is padded to one, as a clip is. Embeddings
/// depend neither on how samples arrive nor on the number of threads, to the bit.
#[derive(Debug)]
pub struct TrackPass<'a> {
    model: &'a Muscall,
    map: Map<'a>,
    mel: LogMelStream<'a>,
    /// Samples from a column to the next.
    column: usize,
    /// Columns of a window, and from a window to the next.
    window: usize,
    hop: usize,
    /// Samples so far, as long as one window may hold them all.
    held: Option<Vec<f32>>,
    /// Frames that wait for more, `[frames, n_mels]`.
    frames: Vec<f32>,
    /// Values at the beginning that no window to come depends on.
    skipped: usize,
    /// Columns around one that it depends on.
    margin: usize,
    frames_per_column: usize,
    /// `[columns, height, channels]`, from column `first` on of the `known` ones.
    columns: Vec<f32>,
    first: usize,
    known: usize,
    /// In columns.
    starts: Vec<usize>,
    rows: Vec<f32>,
}

impl<'a> TrackPass<'a> {
    pub(super) fn new(model: &'a Muscall, hop_s: f64) -> Result<Self, ModelError> {
        let config = model.config();
        let columns = model.time_columns()?;
        let window_frames = config.log_mel.frames(config.clip_samples());
        let column = columns.frames * config.log_mel.hop;
        let hop = (hop_s * f64::from(config.log_mel.sample_rate) / column as f64).round() as usize;
        Ok(Self {
            map: Map::new(model, columns)?,
            mel: model.frontend().stream(window_frames),
            column,
            window: columns.count(window_frames),
            hop: hop.max(1),
            held: Some(Vec::new()),
            frames: Vec::new(),
            skipped: 0,
            margin: columns.reach.div_ceil(columns.frames),
            frames_per_column: columns.frames,
            columns: Vec::new(),
            first: 0,
            known: 0,
            starts: Vec::new(),
            rows: Vec::new(),
            model,
        })
    }

    /// Takes the next samples at the model's rate.
    ///
    /// # Errors
    /// [`ModelError::Audio`] for samples that are not numbers, [`ModelError::NotFinite`] for embeddings that are not.
    pub fn push(&mut self, samples: &[f32]) -> Result<(), ModelError> {
        let Some(held) = &mut self.held else { return self.hear(samples) };
        held.extend_from_slice(samples);
        if held.len() > self.model.config().clip_samples() {
            let samples = std::mem::take(held);
            self.held = None;
            self.hear(&samples)?;
        }
        Ok(())
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// The same, and [`ModelError::Audio`] if there were no samples.
    pub fn finish(mut self) -> Result<Track, ModelError> {
        if let Some(samples) = self.held.take() {
            return self.alone(&samples);
        }
        let mel = std::mem::replace(&mut self.mel, self.model.frontend().stream(1));
        mel.finish(&mut self.frames)?;
        self.skip_frames();
        self.advance(true)?;
        let last = self.known.saturating_sub(self.window);
        if self.starts.last().is_some_and(|&start| start > last) {
            let found = format!("{} windows", self.starts.len());
            return Err(ModelError::Config {
                field: "so_far",
                found,
                expected: "windows of this recording, which is shorter",
            });
        }
        if self.starts.last() != Some(&last) {
            self.embed(&[last])?;
        }
        let starts = self.starts.iter().map(|start| start * self.column).collect();
        Ok(Track { starts, windows: AudioEmbedding::new(self.rows, self.model.config().projection_dim) })
    }

    /// Whether another pass may start from the windows [so far](Self::so_far): with kernels, on the CPU.
    pub fn can_continue(&self) -> bool {
        self.map.may_begin_later()
    }

    /// The windows that are embedded, `[windows, projection_dim]`, from which the pass can be
    /// [continued](Muscall::continue_pass).
    pub fn so_far(&self) -> &[f32] {
        &self.rows
    }

    /// Takes the first windows as known.
    pub(super) fn skip(&mut self, rows: Vec<f32>) -> Result<(), ModelError> {
        let dim = self.model.config().projection_dim;
        if !rows.len().is_multiple_of(dim) || rows.iter().any(|x| !x.is_finite()) {
            let found = format!("{} values", rows.len());
            return Err(ModelError::Config {
                field: "so_far",
                found,
                expected: "rows of projection_dim finite values",
            });
        }
        let windows = rows.len() / dim;
        if windows == 0 || !self.map.may_begin_later() {
            return Ok(());
        }
        (self.starts, self.rows) = ((0..windows).map(|window| window * self.hop).collect(), rows);
        // The recording's last window starts at the last of these, or behind it. Winograd's transform takes columns two
        // by two from the first one on.
        self.first = ((windows - 1) * self.hop).saturating_sub(self.margin) & !1;
        self.skipped = self.first * self.frames_per_column * self.model.config().log_mel.n_mels;
        Ok(())
    }

    fn skip_frames(&mut self) {
        let skipped = self.skipped.min(self.frames.len());
        self.frames.drain(..skipped);
        self.skipped -= skipped;
    }

    /// A recording of at most one window.
    fn alone(&self, samples: &[f32]) -> Result<Track, ModelError> {
        let (padding, window) = (self.model.config().padding, self.model.config().clip_samples());
        let valid = samples.len();
        let clip = if valid == 0 { Vec::new() } else { padding.fit(samples, window) };
        Ok(Track { starts: vec![0], windows: self.model.embed_separately(&[clip], |clip| (clip, valid))? })
    }

    fn hear(&mut self, samples: &[f32]) -> Result<(), ModelError> {
        // Frames of more samples than that would only wait.
        for piece in samples.chunks(STRIP * self.model.config().log_mel.hop) {
            self.mel.push(piece, &mut self.frames)?;
            self.skip_frames();
            if self.frames.len() >= STRIP * self.model.config().log_mel.n_mels {
                self.advance(false)?;
            }
        }
        Ok(())
    }

    /// Puts frames through the network, and embeds the windows that are known then.
    fn advance(&mut self, last: bool) -> Result<(), ModelError> {
        self.map.push(&self.frames, last, &mut self.columns);
        self.frames.clear();
        self.known = self.first + self.columns.len() / self.map.column_len();
        let next = self.starts.last().map_or(0, |start| start + self.hop);
        let windows = (next..).step_by(self.hop).take_while(|start| start + self.window <= self.known);
        let windows: Vec<usize> = windows.collect();
        // As many as are pooled together without much memory.
        for starts in windows.chunks(16) {
            self.embed(starts)?;
        }
        // The last window of all may start before the next one.
        let next = self.starts.last().map_or(0, |start| start + self.hop);
        let keep = next.min(self.known.saturating_sub(self.window)).max(self.first);
        self.columns.drain(..(keep - self.first) * self.map.column_len());
        self.first = keep;
        Ok(())
    }

    fn embed(&mut self, starts: &[usize]) -> Result<(), ModelError> {
        let places: Vec<usize> = starts.iter().map(|start| start - self.first).collect();
        let embedded = self.map.embed(&self.columns, &places, self.window);
        append(&mut self.rows, &embedded, self.model.config().projection_dim, "audio")?;
        self.starts.extend_from_slice(starts);
        Ok(())
    }
}
