//! A file as the embeddings of its windows, in one pass over it.

use std::ops::ControlFlow;
use std::time::Instant;

use muscall_audio::{AudioError, AudioSource, Repair, load_whole, stream_whole};
use muscall_model::{ModelError, Muscall, Track, TrackPass, WindowPass};

use crate::loader::Loader;

/// What was heard of a file.
pub(crate) struct Heard {
    pub(crate) track: Track,
    /// Of the file or its part, at the model's rate.
    pub(crate) samples: usize,
    pub(crate) repairs: Vec<Repair>,
}

/// Why a pass has no result.
pub(crate) enum PassError {
    /// The file cannot be read.
    Audio(AudioError),
    /// The model failed.
    Model(ModelError),
    /// The run was stopped; what is worth it was written down.
    Stopped,
}

impl From<AudioError> for PassError {
    fn from(error: AudioError) -> Self {
        Self::Audio(error)
    }
}

impl From<ModelError> for PassError {
    fn from(error: ModelError) -> Self {
        Self::Model(error)
    }
}

/// Hears file `number` of a run, or a part of it. Where there is a file for every thread, none of them waits for another.
pub(crate) fn pass(
    loader: Loader<'_>,
    number: usize,
    source: AudioSource<'_>,
    content: u128,
) -> Result<Heard, PassError> {
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1);
    let hear = || match source.part {
        Some(_) => part(loader.model, source),
        None => whole(loader, number, source, content),
    };
    match (loader.plan.work.len() >= loader.threads).then(|| alone.build()) {
        Some(Ok(pool)) => pool.install(hear),
        _ => hear(),
    }
}

fn part(model: &Muscall, source: AudioSource<'_>) -> Result<Heard, PassError> {
    let whole = load_whole(source, &model.clip_config())?;
    if whole.samples.is_empty() {
        return Err(AudioError::EmptyClip.into());
    }
    Ok(Heard { track: model.embed_track(&whole)?, samples: whole.samples.len(), repairs: whole.repairs })
}

/// In memory that does not grow with the file, and continuing where an earlier run was stopped.
fn whole(loader: Loader<'_>, number: usize, source: AudioSource<'_>, content: u128) -> Result<Heard, PassError> {
    match hear(loader, number, source, content, loader.unfinished.rows(content)) {
        // What was kept is of another recording, as another version of a decoder made it.
        Err(PassError::Model(ModelError::Config { field: "so_far", .. })) => {
            loader.unfinished.remove([content]);
            hear(loader, number, source, content, Vec::new())
        }
        heard => heard,
    }
}

/// From these rows on.
fn hear(
    loader: Loader<'_>,
    number: usize,
    source: AudioSource<'_>,
    content: u128,
    rows: Vec<f32>,
) -> Result<Heard, PassError> {
    let Loader { model, underway, unfinished, .. } = loader;
    let sample_rate = f64::from(model.config().log_mel.sample_rate);
    let mut pass = Pass::begin(model, rows)?;
    let (mut samples, mut pushed, mut next) = (0, Ok(()), Instant::now() + unfinished.every);
    let repairs = stream_whole(source.path, &model.clip_config(), &mut |block| {
        samples += block.len();
        pushed = pass.push(block);
        underway.tell(number, samples as f64 / sample_rate);
        if pushed.is_err() || underway.is_stopped() {
            return ControlFlow::Break(());
        }
        let now = Instant::now();
        if now >= next {
            pass.write(loader, content);
            // What is written grows with the recording; it must not take the time of hearing it.
            next = Instant::now() + unfinished.every.max(20 * now.elapsed());
        }
        ControlFlow::Continue(())
    })?;
    pushed?;
    if underway.is_stopped() {
        pass.write(loader, content);
        return Err(PassError::Stopped);
    }
    Ok(Heard { track: pass.finish()?, samples, repairs })
}

/// Either kind.
enum Pass<'a> {
    Shared(Box<TrackPass<'a>>),
    Separate(WindowPass<'a>),
}

impl<'a> Pass<'a> {
    fn begin(model: &'a Muscall, rows: Vec<f32>) -> Result<Self, ModelError> {
        if !model.shares_segments() {
            return Ok(Self::Separate(model.window_pass()));
        }
        Ok(Self::Shared(Box::new(model.continue_pass(rows)?)))
    }

    fn push(&mut self, samples: &[f32]) -> Result<(), ModelError> {
        match self {
            Self::Shared(pass) => pass.push(samples),
            Self::Separate(pass) => pass.push(samples),
        }
    }

    fn finish(self) -> Result<Track, ModelError> {
        match self {
            Self::Shared(pass) => pass.finish(),
            Self::Separate(pass) => pass.finish(),
        }
    }

    /// Keeps the windows so far for another run. One without them starts over, so that a full disk is no error here.
    fn write(&self, loader: Loader<'_>, content: u128) {
        if let Self::Shared(pass) = self
            && pass.can_continue()
            && !pass.so_far().is_empty()
        {
            let _ = loader.unfinished.write(content, pass.so_far());
        }
    }
}
