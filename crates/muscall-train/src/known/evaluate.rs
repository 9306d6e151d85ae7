//! A validation on what is known: nothing that stays the same is computed again.

use muscall_audio::{AudioSource, CropPosition, load_clip};
use muscall_model::Muscall;

use super::{Known, KnownSide, Stage, Vectors};
use crate::TrainError;
use crate::distil::explained;
use crate::embed_files::{EmbeddedFiles, embed_files};
use crate::evaluate::{Embedded, Evaluation};
use crate::loss::TeacherSide;
use crate::manifest::Manifest;
use crate::step::host;

impl Known {
    /// Whether anything is.
    pub(crate) fn is_empty(&self) -> bool {
        self.audio.is_none() && self.text.is_none()
    }

    /// Ranks the rows of a manifest, of which this is known, by their captions and the other way round. Of a teacher's
    /// vectors each counts as the caption of its track.
    ///
    /// # Errors
    /// As [`evaluate`](crate::evaluate()).
    pub(crate) fn evaluate(&self, model: &Muscall, manifest: &Manifest) -> Result<Evaluation, TrainError> {
        let unheard = self.unheard();
        let heard: Vec<usize> = (0..manifest.rows.len()).filter(|row| !unheard.contains_key(row)).collect();
        if heard.is_empty() {
            return Err(TrainError::nothing_heard(manifest, &unheard));
        }
        let (audio, readable, unreadable) = match &self.audio {
            Some(side) => (side.of_rows(model, manifest, &heard, true)?, heard, Vec::new()),
            None => {
                let sources: Vec<AudioSource<'_>> = heard.iter().map(|&row| manifest.rows[row].source()).collect();
                let config = model.clip_config();
                let EmbeddedFiles { audio, readable, unreadable } =
                    embed_files(model, &sources, &manifest.source, |source| {
                        load_clip(source, CropPosition::Central, &config)
                    })?;
                (audio, readable.into_iter().map(|place| heard[place]).collect(), unreadable)
            }
        };
        // Of a teacher there is one vector for a track, and so there is one caption.
        let is_distilled = self.teacher().is_some();
        let captions = |row: usize| if is_distilled { 1 } else { manifest.rows[row].captions.len() };
        let text = match &self.text {
            Some(side) => side.of_rows(model, manifest, &readable, false)?,
            None => {
                let texts = readable.iter().flat_map(|&row| &manifest.rows[row].captions[..captions(row)]);
                let texts: Vec<&str> = texts.map(String::as_str).collect();
                model.embed_text(&texts)?.values().to_vec()
            }
        };
        let owners = readable.iter().enumerate();
        let owners = owners.flat_map(|(track, &row)| std::iter::repeat_n(track, captions(row))).collect();
        let dim = model.config().projection_dim;
        let explained = self.teacher().map(|teacher| match teacher {
            TeacherSide::Text => explained(&audio, &text, dim),
            TeacherSide::Audio => explained(&text, &audio, dim),
        });
        let mut found = Evaluation::of(Embedded { owners, dim, rows: readable, unreadable, audio, text })?;
        found.explained = explained;
        Ok(found)
    }

    /// The side that is a teacher's, if there is one.
    fn teacher(&self) -> Option<TeacherSide> {
        let is_teacher = |side: &Option<KnownSide>| side.as_ref().is_some_and(|side| side.stage == Stage::Embeddings);
        if is_teacher(&self.text) {
            return Some(TeacherSide::Text);
        }
        is_teacher(&self.audio).then_some(TeacherSide::Audio)
    }
}

impl KnownSide {
    /// The embeddings of rows of a manifest: one of each, in the middle, or one for each of their captions.
    fn of_rows(
        &self,
        model: &Muscall,
        manifest: &Manifest,
        rows: &[usize],
        is_audio: bool,
    ) -> Result<Vec<f32>, TrainError> {
        let values: Vec<f32> = match &self.vectors {
            Vectors::Windows(windows) => {
                rows.iter().filter_map(|&row| windows.get(row, 0)).flatten().copied().collect()
            }
            // The audio of an alignment of texts is that of the first caption.
            Vectors::Texts(texts) => {
                let take = if is_audio { 1 } else { usize::MAX };
                let captions = rows.iter().flat_map(|&row| manifest.rows[row].captions.iter().take(take));
                captions.flat_map(|caption| texts.get(caption)).copied().collect()
            }
        };
        if self.stage == Stage::Embeddings {
            return Ok(values);
        }
        let (network, features) = (model.model()?, self.tensor(values, model.device()));
        Ok(host(if is_audio { network.project_audio(features) } else { network.project_text(features) }))
    }
}
