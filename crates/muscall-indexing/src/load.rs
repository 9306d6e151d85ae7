//! A file as what the encoder takes.

use std::io::{self, ErrorKind};

use muscall_audio::{AudioError, AudioSource, Clip, FileComparison, FileState, Part, file_tags, load_whole};
use muscall_model::{ModelError, is_cpu};
use xxhash_rust::xxh3::Xxh3;

use crate::Item;
use crate::loader::{Decoded, Loader, hash};
use crate::origin::Local;
use crate::pass::{Heard, PassError, pass};
use crate::plan::{Known, Look, Work};

/// What a thread has made of a file.
pub(crate) enum Loaded {
    /// It is what it was.
    Unchanged { track: usize, state: FileState },
    Windows {
        identity: Identity,
        whole: Clip,
        /// Where its windows start, in samples.
        starts: Vec<usize>,
        /// As the file names them.
        tags: Vec<String>,
    },
    /// The same, embedded in one pass over the file, whose times begin at `start_s`. Other devices than the CPU are
    /// left to one thread.
    Embedded { identity: Identity, start_s: f64, heard: Heard, tags: Vec<String> },
    /// Nobody wants it any more.
    Stopped,
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
    let source = AudioSource { path: local.path(), member: None, part: item.part };
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
    // Of a part, times are those of its file.
    let start_s = item.part.map_or(0.0, |part| part.start_s());
    // A file without readable tags has none; its title and number are not those of a part.
    let tags = || {
        if !item.tags.is_empty() {
            // Those that the caller gives are taken.
            return Vec::new();
        }
        let mut tags = file_tags(local.path()).unwrap_or_default();
        tags.retain(|tag| item.part.is_none() || !tag.starts_with("title=") && !tag.starts_with("track="));
        tags
    };
    let embed = |identity: Identity| match pass(loader, number, source, content) {
        Ok(heard) => {
            decoded.note(number, content);
            Loaded::Embedded { identity, start_s, heard, tags: tags() }
        }
        Err(PassError::Stopped) => Loaded::Stopped,
        Err(PassError::Model(error)) => Loaded::Failed(error),
        Err(PassError::Audio(error)) => refuse(error),
    };
    if model.shares_segments() && is_cpu(model.device()) {
        return embed(identity);
    }
    match load_whole(source, &model.clip_config()) {
        Ok(whole) if whole.samples.is_empty() => {
            Loaded::Unreadable { reason: "it holds no audio".to_owned(), is_unknown: false }
        }
        Ok(mut whole) => {
            decoded.note(number, content);
            whole.start_s = start_s;
            let starts = model.segment_starts(whole.samples.len());
            Loaded::Windows { identity, whole, starts, tags: tags() }
        }
        // Window by window, then.
        Err(AudioError::TooLong { .. }) if item.part.is_none() => embed(identity),
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
