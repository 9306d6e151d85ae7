//! Embeddings of what may be bad, and of what lies in no file.

use std::path::Path;

use muscall_audio::{AudioError, Clip, CropPosition, Waveform, load_clip, load_whole};
use rayon::prelude::*;

use crate::{AudioEmbedding, ModelError, Muscall};

/// Files that are loaded together, to keep the threads busy.
const FILES: usize = 32;

/// Files of which some could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub struct ReadableFiles {
    /// `[readable, projection_dim]`, unit norm.
    pub audio: AudioEmbedding,
    /// The positions of the files that could be read, in order.
    pub readable: Vec<usize>,
    /// Why the others could not, in order; each names its file.
    pub unreadable: Vec<AudioError>,
}

impl Muscall {
    /// Embeds the middle `clip_s` seconds of each file, as [`embed_audio`](Self::embed_audio) does, and goes on where one
    /// can't be read. `on_file` hears the position of each file when it is done.
    ///
    /// # Shapes
    /// - `audio` is `[readable, projection_dim]`, in the order given.
    /// # Errors
    /// [`ModelError`] for what is no fault of a single file.
    pub fn embed_readable<P: AsRef<Path> + Sync>(
        &self,
        paths: impl AsRef<[P]>,
        on_file: impl FnMut(usize),
    ) -> Result<ReadableFiles, ModelError> {
        let config = self.clip_config();
        self.embed_loading(paths.as_ref(), |path| load_clip(path.as_ref(), CropPosition::Central, &config), on_file)
    }

    /// The same for the whole of each file, as [`embed_whole`](Self::embed_whole) does.
    ///
    /// # Shapes
    /// - `audio` is `[readable, projection_dim]`, in the order given.
    /// # Errors
    /// As [`embed_readable`](Self::embed_readable).
    pub fn embed_readable_whole<P: AsRef<Path> + Sync>(
        &self,
        paths: impl AsRef<[P]>,
        on_file: impl FnMut(usize),
    ) -> Result<ReadableFiles, ModelError> {
        let config = self.clip_config();
        self.embed_loading(paths.as_ref(), |path| load_whole(path.as_ref(), &config), on_file)
    }

    /// Embeds the middle `clip_s` seconds of audio that is in memory, at any rate: what [`embed_audio`](Self::embed_audio)
    /// gives of files with these samples. Of bytes or a reader, [`decode_reader`](muscall_audio::decode_reader) makes a
    /// waveform.
    ///
    /// # Shapes
    /// - returns `[waveforms, projection_dim]`, unit norm, in the order given.
    /// # Errors
    /// [`ModelError::Audio`] for one that is empty or has samples that are not finite.
    pub fn embed_waveforms(&self, waveforms: &[Waveform]) -> Result<AudioEmbedding, ModelError> {
        let config = self.clip_config();
        self.embed_sources(waveforms, |waveform| Clip::of_waveform(waveform, CropPosition::Central, &config))
    }

    /// Embeds what `load` makes of each source, and goes on where it makes nothing of one.
    ///
    /// # Shapes
    /// - `audio` is `[readable, projection_dim]`, in the order given.
    /// # Errors
    /// As [`embed_readable`](Self::embed_readable).
    pub fn embed_loading<S: Sync>(
        &self,
        sources: &[S],
        load: impl Fn(&S) -> Result<Clip, AudioError> + Sync,
        mut on_file: impl FnMut(usize),
    ) -> Result<ReadableFiles, ModelError> {
        let (mut values, mut readable, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
        for (batch, sources) in sources.chunks(FILES).enumerate() {
            let loaded: Vec<_> = sources.par_iter().map(&load).collect();
            let (mut clips, before) = (Vec::new(), readable.len());
            for (i, clip) in loaded.into_iter().enumerate() {
                match clip {
                    Ok(clip) => {
                        readable.push(batch * FILES + i);
                        clips.push(clip);
                    }
                    Err(error) => unreadable.push(error),
                }
            }
            let position = |index: usize| readable[before + index];
            let embedded = self.embed_loaded(&clips).map_err(|error| error.with_index(position))?;
            values.extend_from_slice(embedded.values());
            (0..sources.len()).for_each(|i| on_file(batch * FILES + i));
        }
        let audio = AudioEmbedding::new(values, self.config().projection_dim);
        Ok(ReadableFiles { audio, readable, unreadable })
    }
}
