//! A file as what the encoder takes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use muscall_audio::{Clip, file_tags, load_whole};
use muscall_model::Muscall;
use muscall_retrieval::Index;
use xxhash_rust::xxh3::Xxh3;

use crate::plan::Work;

/// Bytes read at once.
const BUFFER: usize = 1 << 20;

/// What a thread has made of a file.
pub(crate) enum Loaded {
    Windows {
        content: u128,
        duration_s: f64,
        windows: Vec<Clip>,
        /// As the file names them.
        tags: Vec<String>,
    },
    /// The content is that of a track.
    Known {
        content: u128,
        track: usize,
    },
    Unreadable(String),
}

pub(crate) fn load(model: &Muscall, index: &Index, work: &Work) -> Loaded {
    let fetched = work.item.origin.local().and_then(|local| Ok((hash(local.path())?, local)));
    let (content, local) = match fetched {
        Ok(fetched) => fetched,
        Err(error) => return Loaded::Unreadable(format!("{error}; check its permissions")),
    };
    let same = |&track: &usize| index.track(track).is_ok_and(|record| record.content == content);
    if let Some(track) = work.perhaps.iter().copied().find(same) {
        return Loaded::Known { content, track };
    }
    match load_whole(local.path(), &model.clip_config()) {
        Ok(whole) if whole.samples.is_empty() => Loaded::Unreadable("it holds no audio".into()),
        Ok(whole) => {
            let duration_s = whole.samples.len() as f64 / f64::from(model.config().log_mel.sample_rate);
            // A file without readable tags has none.
            let tags = file_tags(local.path()).unwrap_or_default();
            Loaded::Windows { content, duration_s, windows: model.segments(&whole), tags }
        }
        // What was fetched has a name of its own, which says nothing to anybody.
        Err(error) => Loaded::Unreadable(error.to_string().replace(&*local.path().to_string_lossy(), &work.item.path)),
    }
}

/// Of all bytes; never 0, which stands for an unknown content.
fn hash(path: &Path) -> io::Result<u128> {
    let (mut file, mut hash) = (File::open(path)?, Xxh3::new());
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hash.digest128().max(1)),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
