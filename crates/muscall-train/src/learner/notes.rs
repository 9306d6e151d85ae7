//! What is told of the files of a step.

use muscall_audio::AudioError;
use muscall_data::DataError;

use super::outcome::Listener;
use super::run::Run;
use crate::TrainError;
use crate::distributed::ShareNote;
use crate::event::Event;

impl Run {
    /// Tells what could not be loaded for a step on any rank, and takes note of it.
    pub(super) fn note_files(&mut self, skipped: Vec<DataError>, notes: &[ShareNote], listener: &mut Listener<'_>) {
        for error in skipped {
            let _ = listener(Event::Skipped(&error.into()));
        }
        for (rank, note) in notes.iter().enumerate().skip(1) {
            for message in &note.skipped {
                let _ = listener(Event::Skipped(&TrainError::OnRank { rank, message: message.clone() }));
            }
        }
        self.files.train.leave_out(notes.iter().flat_map(|note| note.gone.iter().copied()));
        let failure = notes.iter().find_map(|note| note.cache_failure.clone());
        if let Some([path, reason]) = failure.filter(|_| !self.has_told_of_cache) {
            self.has_told_of_cache = true;
            let _ = listener(Event::Warning(&TrainError::CacheNotWritten { path: path.into(), reason }));
        }
    }

    /// The file that the cache of this rank could not write, and why.
    pub(super) fn cache_failure(&self) -> Option<[String; 2]> {
        let dir = self.recipe.data.cache.as_ref()?;
        Some(match self.cache.as_ref()?.write_failure()? {
            AudioError::Io(error) => [error.path.display().to_string(), error.source.to_string()],
            other => [dir.display().to_string(), other.to_string()],
        })
    }
}
