//! From files, clips and words to embeddings.

use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use muscall_audio::{ClipConfig, CropPosition, load_clip};
use rayon::prelude::*;

use crate::muscall::TextBatch;
use crate::{AudioEmbedding, ModelError, Muscall, TextEmbedding};

/// Clips that go through the audio encoder together.
const AUDIO_BATCH: usize = 8;
/// Captions that go through the text encoder together.
const TEXT_BATCH: usize = 32;

impl Muscall {
    /// Embeds the middle `clip_s` seconds of each file.
    ///
    /// The embedding of a file does not depend on the other files, their order or the number of
    /// threads.
    ///
    /// # Shapes
    /// - returns `[files, projection_dim]`, unit norm, in the order given.
    /// # Errors
    /// [`ModelError::Audio`] for the first file that cannot be decoded, with its name. To go on
    /// without such files, load clips one by one and use [`embed_clips`](Self::embed_clips).
    pub fn embed_audio<P: AsRef<Path> + Sync>(&self, paths: impl AsRef<[P]>) -> Result<AudioEmbedding, ModelError> {
        let config = self.clip_config();
        let mut values = Vec::new();
        for paths in paths.as_ref().chunks(AUDIO_BATCH) {
            let clips: Result<Vec<_>, ModelError> = paths
                .par_iter()
                .map(|path| Ok(load_clip(path.as_ref(), CropPosition::Central, &config)?.samples))
                .collect();
            values.extend_from_slice(self.embed_clips(&clips?)?.values());
        }
        Ok(AudioEmbedding::new(values, self.config().projection_dim))
    }

    /// Embeds waveforms at the model's sample rate, each `clip_s` long or not.
    ///
    /// # Shapes
    /// - returns `[clips, projection_dim]`, unit norm.
    /// # Errors
    /// [`ModelError::Audio`] for an empty clip, [`ModelError::Config`] for one under a second.
    pub fn embed_clips<C: AsRef<[f32]> + Sync>(&self, clips: &[C]) -> Result<AudioEmbedding, ModelError> {
        let dim = self.config().projection_dim;
        let mut values = Vec::with_capacity(clips.len() * dim);
        let mels: Result<Vec<_>, ModelError> =
            clips.par_iter().map(|clip| Ok(self.frontend().extract(clip.as_ref())?)).collect();
        let mels = mels?;
        // Clips of one length go together.
        for run in mels.chunk_by(|a, b| a.frames() == b.frames()) {
            for batch in run.chunks(AUDIO_BATCH) {
                let (bands, frames) = (batch[0].n_mels(), batch[0].frames());
                let long = frames >= crate::audio::ResNet::MIN_FRAMES;
                ModelError::check(long, "clip_s", frames, "at least 31 frames of log-mel (1 s)")?;
                let data: Vec<f32> = batch.iter().flat_map(|mel| mel.values()).copied().collect();
                let data = TensorData::new(data, [batch.len(), bands, frames]);
                let mel = Tensor::<3>::from_data(data, self.device());
                append(&mut values, self.model().embed_audio(mel), "audio")?;
            }
        }
        Ok(AudioEmbedding::new(values, dim))
    }

    /// Embeds captions or queries.
    ///
    /// # Shapes
    /// - returns `[texts, projection_dim]`, unit norm, in the order given.
    /// # Errors
    /// [`ModelError::NotFinite`] if the model has diverged.
    pub fn embed_text<S: AsRef<str>>(&self, texts: impl AsRef<[S]>) -> Result<TextEmbedding, ModelError> {
        let mut values = Vec::new();
        for texts in texts.as_ref().chunks(TEXT_BATCH) {
            let rows: Vec<_> = texts.iter().map(|text| self.tokenizer().encode(text.as_ref())).collect();
            let text = TextBatch::new(&rows, self.device());
            append(&mut values, self.model().embed_text(text), "text")?;
        }
        Ok(TextEmbedding::new(values, self.config().projection_dim))
    }

    /// How files become clips for this model: rate, length, repairs allowed.
    pub fn clip_config(&self) -> ClipConfig {
        ClipConfig {
            sample_rate: self.config().log_mel.sample_rate,
            samples: self.config().clip_samples(),
            strict: false,
        }
    }
}

fn append(values: &mut Vec<f32>, batch: Tensor<2>, what: &'static str) -> Result<(), ModelError> {
    let [_, dim] = batch.dims();
    let data = batch.into_data().convert::<f32>();
    let data = data.as_slice::<f32>().expect("converted to f32");
    if let Some(i) = data.iter().position(|x| !x.is_finite()) {
        let index = (values.len() + i) / dim;
        return Err(ModelError::NotFinite { what, index });
    }
    values.extend_from_slice(data);
    Ok(())
}
