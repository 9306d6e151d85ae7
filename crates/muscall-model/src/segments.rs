//! Audio of any length through the audio encoder: in pieces, and as the windows that an index keeps.

use std::borrow::Cow;

use muscall_audio::{Clip, LogMel};
use muscall_vectors::{Embeddings, mean_direction};
use rayon::prelude::*;

use crate::muscall::{AUDIO_BATCH, Muscall};
use crate::recordings::OtherLengths;
use crate::windows::{Piece, clip_of, pieces, window_starts};
use crate::{AudioEmbedding, ModelError};

impl Muscall {
    pub(crate) fn embed_pieces<C: Sync>(
        &self,
        clips: &[C],
        samples: impl Fn(&C) -> (&[f32], usize) + Sync,
    ) -> Result<AudioEmbedding, ModelError> {
        let longest = clips.iter().map(|clip| samples(clip).0.len()).max().unwrap_or(0);
        if let OtherLengths::Windows { hop_s, .. } = self.config().other_lengths
            && self.shares_segments()
            && longest > self.config().clip_samples()
        {
            return self.embed_passes(clips, samples, hop_s);
        }
        self.embed_separately(clips, samples)
    }

    /// Each piece by itself.
    pub(crate) fn embed_separately<C: Sync>(
        &self,
        clips: &[C],
        samples: impl Fn(&C) -> (&[f32], usize) + Sync,
    ) -> Result<AudioEmbedding, ModelError> {
        let dim = self.config().projection_dim;
        let pieces: Vec<Vec<Piece<'_>>> = clips.iter().map(|clip| pieces(self.config(), samples(clip))).collect();
        let flat: Vec<&Piece<'_>> = pieces.iter().flatten().collect();
        let mels: Result<Vec<(LogMel, usize)>, ModelError> =
            flat.par_iter().map(|piece| Ok((self.frontend().extract(&piece.samples)?, piece.valid))).collect();
        let mels = mels?;
        let mut rows = Vec::with_capacity(mels.len() * dim);
        // Clips of one length go together.
        for run in mels.chunk_by(|(a, _), (b, _)| a.frames() == b.frames()) {
            for batch in run.chunks(AUDIO_BATCH) {
                let valid = batch.iter().map(|(_, valid)| self.config().log_mel.frames(*valid)).collect();
                let mels: Vec<&[f32]> = batch.iter().map(|(mel, _)| mel.values()).collect();
                let embedded = self.embed_batch(&mels, Some(valid), &mut rows);
                embedded.map_err(|error| error.with_index(|piece| clip_of(piece, &pieces)))?;
            }
        }
        let mut rows = rows.as_slice();
        let mut values = Vec::with_capacity(clips.len() * dim);
        for pieces in &pieces {
            let (own, rest) = rows.split_at(pieces.len() * dim);
            values.extend(mean_direction(Embeddings::new(own, dim)?));
            rows = rest;
        }
        Ok(AudioEmbedding::new(values, dim))
    }

    /// The same where some are longer than a window and their windows share a map.
    fn embed_passes<C: Sync>(
        &self,
        clips: &[C],
        samples: impl Fn(&C) -> (&[f32], usize) + Sync,
        hop_s: f64,
    ) -> Result<AudioEmbedding, ModelError> {
        let embed = |(index, clip): (usize, &C)| {
            let (whole, _) = samples(clip);
            let embedded = if whole.len() > self.config().clip_samples() {
                self.embed_pass(whole, hop_s).map(|track| track.mean())
            } else {
                self.embed_separately(&[clip], |clip| samples(clip)).map(|clip| clip.values().to_vec())
            };
            embedded.map_err(|error| error.with_index(|_| index))
        };
        let rows: Result<Vec<Vec<f32>>, ModelError> = clips.par_iter().enumerate().map(embed).collect();
        Ok(AudioEmbedding::new(rows?.concat(), self.config().projection_dim))
    }

    /// A whole file as the windows that an index keeps of it unless they [share](crate::Segments::Shared) a map:
    /// `clip_s` long, one every
    /// [`segment_hop_s`](crate::MuscallConfig::segment_hop_s), the last one ending where the audio ends.
    ///
    /// The normalised mean of their embeddings is that of the file as
    /// [`in_windows`](Self::in_windows)`().embed_whole` gives it, to the bit.
    pub fn segments(&self, whole: &Clip) -> Vec<Clip> {
        let sample_rate = f64::from(self.config().log_mel.sample_rate);
        let segment = |start: usize| {
            let (samples, valid) = self.segment(whole, start);
            let start_s = whole.start_s + start as f64 / sample_rate;
            Clip { samples: samples.into_owned(), valid, start_s, repairs: Vec::new() }
        };
        self.segment_starts(whole.samples.len()).into_iter().map(segment).collect()
    }

    /// Where the [`segments`](Self::segments) of a file of so many samples start, in samples.
    pub fn segment_starts(&self, samples: usize) -> Vec<usize> {
        let hop_s = self.config().segment_hop_s();
        let hop = (hop_s * f64::from(self.config().log_mel.sample_rate)).round() as usize;
        window_starts(samples, self.config().clip_samples(), hop)
    }

    /// Embeds segments of files by where they start, without cutting them out.
    ///
    /// # Shapes
    /// - returns `[segments, projection_dim]`, unit norm: what [`embed_loaded`](Self::embed_loaded) gives of
    ///   [`segments`](Self::segments), to the bit.
    /// # Errors
    /// As [`embed_clips`](Self::embed_clips).
    ///
    /// # Panics
    /// If one starts behind the end of its file.
    pub fn embed_segments(&self, segments: &[(&Clip, usize)]) -> Result<AudioEmbedding, ModelError> {
        let segments: Vec<_> = segments.iter().map(|&(whole, start)| self.segment(whole, start)).collect();
        self.embed_pieces(&segments, |(samples, valid)| (&**samples, *valid))
    }

    /// A window, and how many of its samples are no padding.
    fn segment<'a>(&self, whole: &'a Clip, start: usize) -> (Cow<'a, [f32]>, usize) {
        let window = self.config().clip_samples();
        let samples = &whole.samples[start..];
        match samples.get(..window) {
            Some(samples) => (samples.into(), window),
            None => (self.config().padding.fit(samples, window).into(), samples.len()),
        }
    }
}
