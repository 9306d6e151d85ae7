//! A whole recording as embeddings of its windows, in one pass.

mod map;
mod pass;
mod tiles;
mod window_pass;

use muscall_audio::Clip;
use muscall_vectors::mean_direction;

pub use pass::TrackPass;
pub use window_pass::WindowPass;

use crate::muscall::Muscall;
use crate::tower::TimeColumns;
use crate::{AudioEmbedding, ModelError, Segments};

/// The windows of a recording, as an index keeps them.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Where each window starts, in samples at the model's rate.
    pub starts: Vec<usize>,
    /// `[windows, projection_dim]`, unit norm.
    pub windows: AudioEmbedding,
}

impl Track {
    /// The normalised mean of the windows, `[projection_dim]`.
    pub fn mean(&self) -> Vec<f32> {
        mean_direction(self.windows.view())
    }
}

impl Muscall {
    /// Embeds the windows of a whole recording, one every [`segment_hop_s`](crate::MuscallConfig::segment_hop_s): those
    /// of [`segments`](Self::segments), or with [`Segments::Shared`](crate::Segments::Shared) those of its one map.
    ///
    /// # Errors
    /// As [`embed_clips`](Self::embed_clips).
    pub fn embed_track(&self, whole: &Clip) -> Result<Track, ModelError> {
        if self.shares_segments() {
            return self.embed_pass(&whole.samples, self.config().segment_hop_s());
        }
        let starts = self.segment_starts(whole.samples.len());
        let segments: Vec<_> = starts.iter().map(|&start| (whole, start)).collect();
        Ok(Track { windows: self.embed_segments(&segments)?, starts })
    }

    /// Starts on a recording whose windows share a map; its samples can then come piece by piece.
    ///
    /// # Errors
    /// [`ModelError::Config`] unless the model has [`Segments::Shared`](crate::Segments::Shared), and [`ModelError`]
    /// with the file of weights that cannot be read.
    pub fn track_pass(&self) -> Result<TrackPass<'_>, ModelError> {
        TrackPass::new(self, self.config().segment_hop_s())
    }

    /// Continues a pass that ended early, from the rows that it had [so far](TrackPass::so_far). The recording's samples
    /// come from its beginning again, but these windows cost nothing; the result is that of one pass, to the bit.
    ///
    /// # Shapes
    /// - `so_far`: `[windows, projection_dim]`.
    /// # Errors
    /// As [`track_pass`](Self::track_pass); [`ModelError::Config`] if these are not rows of this model.
    pub fn continue_pass(&self, so_far: Vec<f32>) -> Result<TrackPass<'_>, ModelError> {
        let mut pass = self.track_pass()?;
        pass.skip(so_far)?;
        Ok(pass)
    }

    /// Starts on a recording whose windows go through the encoder one by one, for those that are too long for the memory.
    pub fn window_pass(&self) -> WindowPass<'_> {
        WindowPass::new(self)
    }

    /// Whether windows of a recording share its map.
    pub fn shares_segments(&self) -> bool {
        self.config().segments == Segments::Shared
    }

    /// All of one recording.
    pub(crate) fn embed_pass(&self, samples: &[f32], hop_s: f64) -> Result<Track, ModelError> {
        let mut pass = TrackPass::new(self, hop_s)?;
        pass.push(samples)?;
        pass.finish()
    }

    /// How the columns of the map that windows share lie on a spectrogram.
    fn time_columns(&self) -> Result<TimeColumns, ModelError> {
        let shared = self.shares_segments().then(|| self.config().audio.time_columns()).flatten();
        shared.ok_or_else(|| ModelError::Config {
            field: "segments",
            found: "separate".into(),
            expected: "shared, for a pass over a recording",
        })
    }
}
