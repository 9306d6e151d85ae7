//! From a recipe and manifests, or a checkpoint, to a run.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use burn::tensor::Device;
use muscall_data::rows_per_epoch;
use muscall_model::{TextFrontend, is_cpu};

use super::bundles::Bundles;
use super::data::{Manifests, TrainingData};
use super::options::Options;
use super::outcome::Listener;
use super::parallel::DataParallel;
use super::reporter::Reporter;
use super::run::Run;
use super::state::{MAX_SCALE, TrainingState};
use crate::TrainError;
use crate::captions::Captions;
use crate::checkpoint::Progress;
use crate::distributed::Ranks;
use crate::doctor::{FaultCounts, TrainingDoctor, leakage};
use crate::event::Event;
use crate::known::{Known, Preparation, prepare};
use crate::log::RunLog;
use crate::loss::DistilLoss;
use crate::manifest::Manifest;
use crate::recipe::{Learns, OnNotFinite, Recipe};
use crate::run_dir;
use crate::schedule::Schedule;
use crate::step::CaptionSource;

impl<'a> Run<'a> {
    /// All that can fail comes before the directory is touched: see [`claim`](Self::claim).
    pub(super) fn start(
        options: &'a Options,
        ranks: Arc<Ranks>,
        manifests: Manifests,
        listener: &'a mut Listener<'a>,
    ) -> Result<Self, TrainError> {
        let recipe = &options.recipe;
        ranks.agree(check_sizes(recipe, &manifests.train, ranks.size()))?;
        let steps =
            recipe.epochs * (rows_per_epoch(&manifests.train, &recipe.data.sources) / recipe.tracks_per_step()) as u64;
        let steps = steps.min(recipe.max_steps.unwrap_or(u64::MAX));
        let fresh = Progress::at_start(recipe, manifests.train.fingerprint());
        check_same_run(&ranks, &fresh)?;
        let resumed = ranks.first(|| run_dir::find(&options.dir, options.on_existing, &fresh))?.flatten();
        if recipe.doctor && ranks.is_first() {
            diagnose_leakage(&manifests, listener);
        }
        let manifests = manifests.with_gallery(recipe);
        let captions = prepare_captions(options, &ranks, &manifests, listener)?;
        let [known, known_validation] = prepare_known(options, &ranks, &manifests, captions.frontend(), listener)?;
        let captions = captions.with_known(known);
        let device = options.device.clone().autodiff();
        ranks.agree(check_precision(options, &device))?;
        let state = TrainingState::begin(options, &ranks, &device, fresh, resumed)?;
        let data = TrainingData::open(options, &ranks, manifests, captions, known_validation, &state.progress)?;
        let bundles =
            Bundles { recipe, dir: &options.dir, device: device.clone(), frontend: data.captions.frontend().clone() };
        // A step that may be left out is waited for, and so is what ranks exchange.
        let may_leave_out = state.progress.loss_scale.is_some() || recipe.on_not_finite != OnNotFinite::Stop;
        let may_be_late = ranks.size() == 1 && !may_leave_out;
        let reporter = Reporter {
            is_late: may_be_late && options.late_reports.unwrap_or_else(|| !is_cpu(&options.device)),
            listener,
            recipe,
            dir: &options.dir,
            dataset: data.dataset.clone(),
            is_first: ranks.is_first(),
            log: None,
            doctor: TrainingDoctor::new(warm_up(&recipe.schedule, steps), f64::from(MAX_SCALE)),
            faults: FaultCounts::default(),
            has_told_of_cache: false,
            underway: None,
            clock: Instant::now(),
        };
        let parallel = DataParallel::new(recipe, ranks);
        Ok(Self { options, device, steps, parallel, data, state, bundles, reporter })
    }

    /// Makes the directory the run's own. It comes last: a run that cannot start leaves it as it was. From here on
    /// there is a checkpoint to go on from.
    pub(super) fn claim(&mut self) -> Result<(), TrainError> {
        let Self { options, parallel, data, state, reporter, .. } = self;
        reporter.log = parallel.ranks.first(|| {
            // One that goes on has claimed it already.
            if state.progress.step == 0 {
                let begin = |first: &_| run_dir::claim(&options.dir, options.on_existing, first);
                state.with_checkpoint(data.absent(), begin)?;
            }
            RunLog::open(&options.dir, &state.progress)
        })?;
        Ok(())
    }
}

/// Whether a step has enough rows, and each rank something to do.
fn check_sizes(recipe: &Recipe, train: &Manifest, ranks: usize) -> Result<(), TrainError> {
    let (tracks, rows) = (recipe.tracks_per_step(), rows_per_epoch(train, &recipe.data.sources));
    if rows < tracks {
        return Err(TrainError::TooFewRows { path: train.source.clone(), rows, batch_size: tracks });
    }
    if recipe.batch_size < ranks {
        return Err(TrainError::TooManyRanks { ranks, batch_size: recipe.batch_size });
    }
    Ok(())
}

/// Whether all ranks have been given the same recipe and rows.
fn check_same_run(ranks: &Ranks, fresh: &Progress) -> Result<(), TrainError> {
    let own = toml::to_string(&fresh.recipe).map_err(|source| TrainError::RecipeText { source });
    ranks.check_same("recipe", &ranks.agree(own)?)?;
    ranks.check_same("manifest of training rows", &fresh.data_fingerprint)
}

fn diagnose_leakage(manifests: &Manifests, listener: &mut Listener<'_>) {
    if let Some(validation) = &manifests.validation {
        for diagnosis in leakage(&manifests.train, validation) {
            let _ = listener(Event::Diagnosed(&diagnosis));
        }
    }
}

/// Tokenizer, word or sentence vectors. The other ranks find on the disk what rank 0 has computed, if they see the same
/// one.
fn prepare_captions(
    options: &Options,
    ranks: &Ranks,
    manifests: &Manifests,
    listener: &mut Listener<'_>,
) -> Result<Captions, TrainError> {
    let is_distilled = options.recipe.loss.downcast_ref::<DistilLoss>().is_some();
    match (&options.teacher, options.recipe.learns) {
        (None, _) if is_distilled => return Err(TrainError::NoTeacher),
        // A student of music has the words of its teacher.
        (Some(teacher), Learns::Audio) => return Ok(Captions::of(teacher.text_frontend().clone())),
        _ => {}
    }
    let mut prepare = || {
        Captions::prepare(&options.recipe, &manifests.all(), &options.device, |done, total| {
            let _ = listener(Event::EmbeddingCaptions { done, total });
        })
    };
    let (captions, unsaved) = match ranks.first(&mut prepare)? {
        Some(prepared) => ranks.agree(Ok(prepared))?,
        None => ranks.agree(prepare())?,
    };
    if let Some(error) = unsaved {
        let _ = listener(Event::Warning(&error));
    }
    Ok(captions)
}

/// What frozen towers or a teacher make of the rows; as above, rank 0 comes first.
fn prepare_known(
    options: &Options,
    ranks: &Ranks,
    manifests: &Manifests,
    frontend: &TextFrontend,
    listener: &mut Listener<'_>,
) -> Result<[Known; 2], TrainError> {
    let preparation = Preparation {
        recipe: &options.recipe,
        device: &options.device,
        initial: options.initial.as_ref(),
        frontend,
        teacher: options.teacher.as_ref(),
        folder: options.vectors.as_deref(),
    };
    let mut prepare = || {
        let mut progress = |what, done, total| match listener(Event::Preparing { what, done, total }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(TrainError::Stopped { what, done, all: total }),
        };
        prepare(&preparation, &manifests.train, manifests.validation.as_ref(), &mut progress)
    };
    match ranks.first(&mut prepare)? {
        Some(known) => ranks.agree(Ok(known)),
        None => ranks.agree(prepare()),
    }
}

/// Whether the device has numbers of the recipe's precision.
fn check_precision(options: &Options, device: &Device) -> Result<(), TrainError> {
    let precision = options.recipe.precision;
    match device.supports_dtype(precision.dtype()) {
        true => Ok(()),
        false => Err(TrainError::Precision { precision, device: format!("{:?}", options.device) }),
    }
}

/// Steps whose rate is still rising.
fn warm_up(schedule: &Schedule, steps: u64) -> u64 {
    match schedule {
        Schedule::Cosine { warmup } => (warmup * steps as f64) as u64,
        _ => 0,
    }
}
