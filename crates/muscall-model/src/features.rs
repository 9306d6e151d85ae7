//! What the encoders give before their heads: the road of a model whose heads alone learn.

use burn::tensor::{Tensor, TensorData};
use muscall_audio::{Clip, LogMel};
use rayon::prelude::*;

use crate::ModelError;
use crate::audio::AudioBatch;
use crate::finite::{append, append_tensor};
use crate::muscall::{AUDIO_BATCH, Muscall};

impl Muscall {
    /// What the audio encoder makes of clips of `clip_s` seconds, before the head takes it into the joint space.
    ///
    /// # Shapes
    /// - returns `[clips, output_dim]` of the audio tower; not normalised.
    /// # Errors
    /// [`ModelError::Audio`] for an empty clip, [`ModelError::Config`] for one that is too short or too long,
    /// [`ModelError::NotFinite`] if the model has diverged.
    pub fn audio_features(&self, clips: &[Clip]) -> Result<Vec<f32>, ModelError> {
        let (bands, width) = (self.config().log_mel.n_mels, self.config().audio.output_dim());
        let mut rows = Vec::with_capacity(clips.len() * width);
        for clips in clips.chunks(AUDIO_BATCH) {
            let mels: Result<Vec<LogMel>, _> =
                clips.par_iter().map(|clip| self.frontend().extract(&clip.samples)).collect();
            let mels = mels?;
            let mels: Vec<&[f32]> = mels.iter().map(LogMel::values).collect();
            self.check_frames(&mels)?;
            match self.source().map(|source| self.packed.audio(source)).transpose()?.flatten() {
                Some(audio) => append(&mut rows, &audio.features(&mels, bands), width, "audio")?,
                None => {
                    let valid = clips.iter().map(|clip| self.config().log_mel.frames(clip.valid)).collect();
                    let batch = self.audio_batch(&mels, Some(valid));
                    append_tensor(&mut rows, self.model()?.audio.forward(batch), "audio")?;
                }
            }
        }
        Ok(rows)
    }

    /// What the text encoder makes of captions, before the head takes it into the joint space.
    ///
    /// # Shapes
    /// - returns `[texts, output_dim]` of the text tower; not normalised.
    /// # Errors
    /// As [`embed_text`](Self::embed_text).
    pub fn text_features<S: AsRef<str>>(&self, texts: &[S]) -> Result<Vec<f32>, ModelError> {
        let width = self.config().text.output_dim();
        self.through_text(
            texts,
            width,
            |packed, texts| Some(packed.features(texts, self.text_frontend())?.0),
            |texts| {
                let batch = self.text_frontend().batch(texts, self.device());
                Ok(self.model()?.text.forward(batch))
            },
        )
    }

    /// Whether the audio encoder takes spectrograms of this length.
    pub(crate) fn check_frames(&self, mels: &[&[f32]]) -> Result<(), ModelError> {
        let frames = mels[0].len() / self.config().log_mel.n_mels;
        let long = frames >= self.config().audio.min_frames();
        ModelError::check(long, "clip_s", format!("{frames} frames of log-mel"), "at least about a second")?;
        let most = self.config().audio.max_frames().unwrap_or(usize::MAX);
        let found = format!("{frames} frames of log-mel");
        ModelError::check(frames <= most, "clip_s", found, "within the longest input of the audio encoder")
    }

    /// Spectrograms of one length on the device.
    pub(crate) fn audio_batch(&self, mels: &[&[f32]], valid_frames: Option<Vec<usize>>) -> AudioBatch {
        let n_mels = self.config().log_mel.n_mels;
        let data = TensorData::new(mels.concat(), [mels.len(), n_mels, mels[0].len() / n_mels]);
        AudioBatch { mel: Tensor::from_data(data, self.device()), valid_frames }
    }
}
