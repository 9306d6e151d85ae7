//! A file as what the encoder takes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use muscall_audio::{
    AudioError, AudioSource, Clip, FileComparison, FileState, Part, file_tags, load_whole, stream_whole,
};
use muscall_files::Digest;
use muscall_model::{ModelError, Muscall, Track, is_cpu};
use xxhash_rust::xxh3::Xxh3;

use crate::Item;
use crate::origin::Local;
use crate::plan::{Known, Look, Plan, Work};

/// What a thread has made of a file.
pub(crate) enum Loaded {
    /// It is what it was.
    Unchanged { track: usize, state: FileState },
    Windows {
        identity: Identity,
        duration_s: f64,
        whole: Clip,
        /// Where its windows start, in samples.
        starts: Vec<usize>,
        /// As the file names them.
        tags: Vec<String>,
    },
    /// The same, embedded in one pass over the file, whose times begin at `start_s`. Other devices than the CPU are
    /// left to one thread.
    Embedded { identity: Identity, duration_s: f64, start_s: f64, track: Track, tags: Vec<String> },
    /// The model failed.
    Failed(ModelError),
    /// The content is that of tracks, of which this is the first.
    Known { identity: Identity, first: usize },
    /// The content is that of a file before this one, which is new as well.
    Twin(Identity),
    Unreadable {
        reason: String,
        /// Nobody knows what it holds now.
        is_unknown: bool,
    },
}

/// What was read, and when.
pub(crate) struct Identity {
    /// Hash of all bytes.
    pub(crate) content: u128,
    pub(crate) state: FileState,
}

/// What threads of one run have found out.
#[derive(Default)]
pub(crate) struct Decoded {
    /// Contents that were decoded, and the first file of each.
    first: Mutex<HashMap<u128, usize>>,
    /// Hashes of files of which there are parts, each by its state.
    hashes: Mutex<HashMap<PathBuf, (FileState, u128)>>,
}

impl Decoded {
    /// The first file of a content so far, if it is before this one.
    pub(crate) fn before(&self, number: usize, content: u128) -> Option<usize> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).get(&content).copied();
        first.filter(|&first| first < number)
    }

    fn note(&self, number: usize, content: u128) {
        let mut all = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(content).and_modify(|first| *first = number.min(*first)).or_insert(number);
    }

    /// The hash of a file, which is read once for all of its parts.
    fn hash(&self, path: &Path, state: FileState) -> io::Result<u128> {
        let mut all = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(path) {
            Some((known, hash)) if *known == state => Ok(*hash),
            _ => {
                let hash = hash(path)?;
                all.insert(path.to_owned(), (state, hash));
                Ok(hash)
            }
        }
    }
}

/// What files are loaded for.
#[derive(Clone, Copy)]
pub(crate) struct Loader<'a> {
    pub(crate) model: &'a Muscall,
    pub(crate) plan: &'a Plan,
    pub(crate) decoded: &'a Decoded,
    /// Threads of the run, each of which loads a file of its own as long as there are as many.
    pub(crate) threads: usize,
}

impl Loader<'_> {
    /// One pass over a file or a part of one; gives its windows, and how many samples were heard. Where there is a file
    /// for every thread, none of them waits for another.
    fn pass(&self, source: AudioSource<'_>) -> Result<Result<(Track, usize), ModelError>, AudioError> {
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1);
        match (self.plan.work.len() >= self.threads).then(|| alone.build()) {
            Some(Ok(pool)) => pool.install(|| pass(self.model, source)),
            _ => pass(self.model, source),
        }
    }
}

fn pass(model: &Muscall, source: AudioSource<'_>) -> Result<Result<(Track, usize), ModelError>, AudioError> {
    if source.part.is_some() {
        let whole = load_whole(source, &model.clip_config())?;
        if whole.samples.is_empty() {
            return Err(AudioError::EmptyClip);
        }
        return Ok(model.embed_track(&whole).map(|track| (track, whole.samples.len())));
    }
    let mut pass = match model.track_pass() {
        Ok(pass) => pass,
        Err(error) => return Ok(Err(error)),
    };
    let (mut samples, mut pushed) = (0, Ok(()));
    stream_whole(source.path, &model.clip_config(), &mut |block| {
        samples += block.len();
        if pushed.is_ok() {
            pushed = pass.push(block);
        }
    })?;
    Ok(pushed.and_then(|()| pass.finish()).map(|track| (track, samples)))
}

/// File `number` of a plan.
pub(crate) fn load(loader: Loader<'_>, number: usize) -> Loaded {
    let Loader { model, plan, decoded, .. } = loader;
    let Work { item, known } = &plan.work[number];
    if let Some(Known { track, state, look: Look::Nothing, .. }) = *known {
        // Without a look there is no new probe.
        let probe = if item.state.probe == 0 { state.probe } else { item.state.probe };
        return Loaded::Unchanged { track, state: FileState { probe, ..item.state } };
    }
    let read = || {
        let local = item.origin.local()?;
        let identity = identity(&local, item, known.as_ref(), decoded)?;
        Ok::<_, io::Error>((local, identity))
    };
    let (local, identity) = match read() {
        Ok(read) => read,
        Err(error) => {
            let is_unknown = error.kind() != ErrorKind::InvalidInput;
            return Loaded::Unreadable { reason: format!("{error}; check its permissions"), is_unknown };
        }
    };
    let Identity { content, state } = identity;
    if let Some(known) = known.as_ref().filter(|known| known.content == content) {
        return Loaded::Unchanged { track: known.track, state };
    }
    if let Some(first) = plan.contents.tracks(content).next() {
        return Loaded::Known { identity, first };
    }
    if decoded.before(number, content).is_some() {
        return Loaded::Twin(identity);
    }
    let source = AudioSource { path: local.path(), part: item.part };
    // What was fetched has a name of its own, which says nothing to anybody.
    let refuse = |error: AudioError| {
        let reason = error.to_string();
        // Who tells of it names the file; what was fetched has a name that says nothing to anybody.
        let path = &*local.path().to_string_lossy();
        let reason = reason.strip_prefix(path).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&reason);
        let reason = reason.replace(path, &item.path);
        // A disk that gives no more bytes says nothing of what the file holds.
        let is_unknown = matches!(&error, AudioError::Io(file) if file.source.raw_os_error().is_some());
        Loaded::Unreadable { reason, is_unknown }
    };
    let sample_rate = f64::from(model.config().log_mel.sample_rate);
    // Of a part, times are those of its file.
    let start_s = item.part.map_or(0.0, |part| part.start_s());
    // A file without readable tags has none.
    let tags = || file_tags(local.path()).unwrap_or_default();
    if model.shares_segments() && is_cpu(model.device()) {
        return match loader.pass(source) {
            Ok(Ok((track, samples))) => {
                decoded.note(number, content);
                let duration_s = start_s + samples as f64 / sample_rate;
                Loaded::Embedded { identity, duration_s, start_s, track, tags: tags() }
            }
            Ok(Err(error)) => Loaded::Failed(error),
            Err(error) => refuse(error),
        };
    }
    match load_whole(source, &model.clip_config()) {
        Ok(whole) if whole.samples.is_empty() => {
            Loaded::Unreadable { reason: "it holds no audio".to_owned(), is_unknown: false }
        }
        Ok(mut whole) => {
            decoded.note(number, content);
            whole.start_s = start_s;
            let duration_s = start_s + whole.samples.len() as f64 / sample_rate;
            let starts = model.segment_starts(whole.samples.len());
            Loaded::Windows { identity, duration_s, whole, starts, tags: tags() }
        }
        Err(error) => refuse(error),
    }
}

/// What a file holds. A known one is read as a whole only if its probe differs, or says too little.
#[cfg_attr(not(feature = "s3"), allow(unused_variables))]
fn identity(local: &Local<'_>, item: &Item, known: Option<&Known>, decoded: &Decoded) -> io::Result<Identity> {
    let state = match local {
        // Before anything else is read, so that a change from here on shows in the stamps the next time.
        Local::Disk(path) => FileState::with_probe(path)?,
        #[cfg(feature = "s3")]
        Local::Fetched(_) => item.state,
    };
    match known {
        Some(known) if known.look == Look::Probe && known.state.compare(&state) == FileComparison::Same => {
            Ok(Identity { content: known.content, state })
        }
        _ => match item.part {
            Some(part) => Ok(Identity { content: of_part(decoded.hash(local.path(), state)?, part), state }),
            None => Ok(Identity { content: hash(local.path())?, state }),
        },
    }
}

/// Of a part of a file, by the hash of the file.
fn of_part(content: u128, part: Part) -> u128 {
    let mut hash = Xxh3::new();
    hash.update(&content.to_le_bytes());
    hash.update(part.to_string().as_bytes());
    hash.digest128().max(1)
}

/// Of all bytes; never 0, which stands for an unknown content.
fn hash(path: &Path) -> io::Result<u128> {
    Ok(Digest::of(File::open(path)?)?.hash_128().max(1))
}
