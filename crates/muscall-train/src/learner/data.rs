//! What a run learns from, and is validated on.

use std::sync::Arc;

use muscall_audio::{AudioCache, AudioError, ClipConfig, LogMelExtractor};
use muscall_data::AbsentRows;
use muscall_model::Muscall;

use super::files::{RunFiles, Waits};
use super::options::Options;
use crate::TrainError;
use crate::batcher::{EpochLoader, LoaderConfig, RawBatch};
use crate::captions::Captions;
use crate::checkpoint::Progress;
use crate::dataset::{DataConfig, Dataset};
use crate::distributed::{Ranks, ShareNote};
use crate::evaluate::{Evaluation, subset};
use crate::known::Known;
use crate::manifest::Manifest;
use crate::recipe::Recipe;

/// Rows as a learner is given them.
pub(super) struct Manifests {
    pub(super) train: Manifest,
    pub(super) validation: Option<Manifest>,
}

impl Manifests {
    /// With as many validation rows as the gallery may have.
    pub(super) fn with_gallery(self, recipe: &Recipe) -> Self {
        let validation = self.validation.map(|manifest| subset(&manifest, recipe.validation.gallery, recipe.seed));
        Self { validation, ..self }
    }

    pub(super) fn all(&self) -> Vec<&Manifest> {
        std::iter::once(&self.train).chain(&self.validation).collect()
    }
}

/// Rows, their files and captions, and what makes batches of them.
pub(super) struct TrainingData<'a> {
    recipe: &'a Recipe,
    pub(super) dataset: Arc<Dataset>,
    pub(super) captions: Captions,
    frontend: Arc<LogMelExtractor>,
    cache: Option<AudioCache>,
    /// As many rows as the gallery may have.
    pub(super) validation: Option<Manifest>,
    /// What is known of these.
    known_validation: Known,
    pub(super) files: RunFiles,
}

impl<'a> TrainingData<'a> {
    /// For a run that is as far as `progress` says.
    pub(super) fn open(
        options: &'a Options,
        ranks: &Ranks,
        Manifests { train, validation }: Manifests,
        captions: Captions,
        known_validation: Known,
        progress: &Progress,
    ) -> Result<Self, TrainError> {
        let recipe = &options.recipe;
        let (frontend, cache) = ranks.agree(frontend_and_cache(recipe))?;
        let reads_audio = !captions.known().has_audio();
        let waits = Waits { reads_audio, leaves_out_missing: options.leaves_out_missing, patience: options.patience };
        let files = RunFiles::look(ranks, progress, &train, validation.as_ref(), waits)?;
        let log_mel = &recipe.model.log_mel;
        let config = DataConfig {
            clip: ClipConfig {
                padding: recipe.model.padding,
                resampling: log_mel.resampling,
                ..ClipConfig::new(log_mel.sample_rate, recipe.model.clip_samples())
            },
            cache: cache.clone(),
            augment: recipe.data.augment.clone(),
            random_crop: recipe.data.random_crop,
            windows: recipe.data.windows,
            reads_audio,
            unheard: captions.known().unheard(),
            captions_per_track: recipe.data.captions_per_track,
            shuffle_buffer: recipe.data.shuffle_buffer,
            sources: recipe.data.sources.clone(),
            views: recipe.ssl.as_ref().map(|ssl| ssl.augment.clone()),
            seed: recipe.seed,
        };
        let dataset = Arc::new(ranks.agree(Dataset::new(train, config).map_err(TrainError::from))?);
        let frontend = Arc::new(frontend);
        Ok(Self { recipe, dataset, captions, frontend, cache, validation, known_validation, files })
    }

    /// Evaluates on these rows, or on what is known of them.
    pub(super) fn evaluate(&self, model: &Muscall, manifest: &Manifest) -> Result<Evaluation, TrainError> {
        match self.known_validation.is_empty() {
            true => self.files.evaluate(model, manifest),
            false => self.known_validation.evaluate(model, manifest),
        }
    }

    /// The batches of an epoch of which `taken` steps have been taken; of each, what is at these places.
    pub(super) fn batches(&self, epoch: u64, taken: usize, places: Vec<usize>) -> Result<EpochLoader, TrainError> {
        let config = LoaderConfig {
            batch_size: self.recipe.tracks_per_step(),
            threads: self.recipe.data.threads,
            prefetch_batches: self.recipe.data.prefetch_batches,
            drop_last: true,
            on_bad_file: self.recipe.data.on_bad_file,
        };
        Ok(self.loader(config, epoch, taken)?.with_places(places).with_presence(self.files.train.clone()))
    }

    /// Batches of an epoch, from `start_step` on.
    pub(super) fn loader(
        &self,
        config: LoaderConfig,
        epoch: u64,
        start_step: usize,
    ) -> Result<EpochLoader, TrainError> {
        Ok(EpochLoader::new(self.dataset.clone(), self.frontend.clone(), config, epoch, start_step)?)
    }

    /// What other ranks must know of a batch that this one has loaded.
    pub(super) fn note(&self, loaded: &RawBatch) -> ShareNote {
        ShareNote::of(loaded, self.cache_failure())
    }

    /// The file that the cache of this rank could not write, and why.
    fn cache_failure(&self) -> Option<[String; 2]> {
        let dir = self.recipe.data.cache.as_ref()?;
        Some(match self.cache.as_ref()?.write_failure()? {
            AudioError::Io(error) => [error.path.display().to_string(), error.source.to_string()],
            other => [dir.display().to_string(), other.to_string()],
        })
    }

    /// Files that any rank has found to be gone, while others are there, are bad ones from here on.
    pub(super) fn leave_out_gone(&self, notes: &[ShareNote]) {
        self.files.train.leave_out(notes.iter().flat_map(|note| note.gone.iter().copied()));
    }

    /// The rows that are left out, for a checkpoint.
    pub(super) fn absent(&self) -> AbsentRows {
        self.files.absent()
    }
}

fn frontend_and_cache(recipe: &Recipe) -> Result<(LogMelExtractor, Option<AudioCache>), TrainError> {
    let frontend = recipe.model.log_mel.init()?;
    let cache = recipe.data.cache.as_ref().map(AudioCache::new).transpose()?;
    Ok((frontend, cache))
}
