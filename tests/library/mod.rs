//! A folder of small files, an index of it, and a small random model, for tests that change the folder.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, UNIX_EPOCH};

use muscall::indexing::{Indexer, Item, Report, Scope, index_config};
use muscall::model::weights::state_of;
use muscall::retrieval::{IndexWriter, TrackRecord};
use muscall::{Device, Index, Muscall, MuscallConfig};

/// Of one track: content, duration, starts and vectors, to the bit.
pub type Track = (u128, u64, Vec<u32>, Vec<u32>);

/// A model with random weights that embeds a second at a time.
pub fn model() -> Muscall {
    model_with(|config| config)
}

/// The same with another configuration.
pub fn model_with(change: impl FnOnce(MuscallConfig) -> MuscallConfig) -> Muscall {
    // The random state is the process's, and tests share it.
    static DRAWS: Mutex<()> = Mutex::new(());
    let config = change(MuscallConfig { clip_s: 1.0, ..MuscallConfig::tiny() });
    let _draws = DRAWS.lock().unwrap();
    Device::default().seed(1);
    let model = config.init(&Device::default()).unwrap();
    // A weight is drawn when it is first looked at.
    let _ = state_of(&model);
    let tokenizer = muscall::model::ClipTokenizer::new().unwrap();
    Muscall::new(config, &model, tokenizer, &Device::default()).unwrap()
}

/// A WAV file of 16 kHz with a sawtooth of its own for each `kind`; never another for the same numbers.
pub fn wav(kind: u32, samples: u32) -> Vec<u8> {
    let mut bytes = Vec::from(*b"RIFF");
    bytes.extend((36 + 2 * samples).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(16_000_u32.to_le_bytes());
    bytes.extend(32_000_u32.to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend((2 * samples).to_le_bytes());
    bytes.extend(
        (0..u64::from(samples)).flat_map(|t| (((t * u64::from(211 + 37 * kind)) % 16_001) as i16 - 8000).to_le_bytes()),
    );
    bytes
}

/// Sets a file's modification time.
pub fn set_time(path: &Path, seconds: u64) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

/// Writes a file with a modification time that all have, as if it came out of an archive.
pub fn unpack(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    set_time(path, 1_700_000_000);
}

pub struct Library {
    /// Where the music is.
    pub root: PathBuf,
    pub index: PathBuf,
    pub model: Muscall,
    /// Holds the two, without links in its path.
    pub dir: PathBuf,
    _dir: tempfile::TempDir,
}

impl Library {
    /// An empty one.
    pub fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let dir = fs::canonicalize(temporary.path()).unwrap();
        let root = dir.join("music");
        fs::create_dir(&root).unwrap();
        Self { root, index: dir.join("music.index"), model: model(), dir, _dir: temporary }
    }

    /// With files of half a second and all of one size, one of each kind.
    pub fn with_files<const N: usize>(files: [(&str, u32); N]) -> Self {
        let library = Self::new();
        for (name, kind) in files {
            library.put(name, kind);
        }
        library
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Writes a file of half a second.
    pub fn put(&self, name: &str, kind: u32) {
        unpack(&self.path(name), &wav(kind, 8000));
    }

    pub fn rename(&self, from: &str, to: &str) {
        fs::create_dir_all(self.path(to).parent().unwrap()).unwrap();
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// Brings the index up to date with the root.
    pub fn run(&self) -> Report {
        self.run_on(&self.root)
    }

    /// Brings the index up to date with a folder.
    pub fn run_on(&self, folder: &Path) -> Report {
        self.run_with(&Indexer { threads: 2, ..Indexer::default() }, folder)
    }

    pub fn run_with(&self, indexer: &Indexer, folder: &Path) -> Report {
        let found = Item::folder(folder).unwrap();
        let scope = Scope::folder(folder).but(&found.unreadable);
        run(&self.model, indexer, &self.index, found.items, &scope)
    }

    pub fn run_items(&self, items: Vec<Item>, scope: &Scope) -> Report {
        run(&self.model, &Indexer::default(), &self.index, items, scope)
    }

    /// The index of the root as it is now, made anew.
    pub fn anew(&self) -> BTreeMap<String, Track> {
        let index = self.dir.join("anew.index");
        let _ = fs::remove_file(&index);
        run(&self.model, &Indexer::default(), &index, Item::folder(&self.root).unwrap().items, &Scope::Items);
        contents(&index)
    }

    /// What the index holds.
    pub fn contents(&self) -> BTreeMap<String, Track> {
        contents(&self.index)
    }

    /// The names in the index, without the path of the root.
    pub fn names(&self) -> Vec<String> {
        let prefix = format!("{}/", self.root.display());
        self.contents().into_keys().map(|name| name.strip_prefix(&prefix).unwrap_or(&name).to_owned()).collect()
    }

    /// What is noted of a file of the root.
    pub fn record(&self, name: &str) -> TrackRecord {
        let index = Index::open(&self.index).unwrap();
        index.track(index.find(self.path(name).to_str().unwrap()).unwrap().unwrap()).unwrap()
    }
}

fn run(model: &Muscall, indexer: &Indexer, index: &Path, items: Vec<Item>, scope: &Scope) -> Report {
    let mut writer = IndexWriter::open_or_create(index, &index_config(model).unwrap()).unwrap();
    indexer.run(model, &mut writer, items, scope, |_| ControlFlow::Continue(())).unwrap()
}

/// What an index holds, by path.
pub fn contents(path: &Path) -> BTreeMap<String, Track> {
    let index = Index::open(path).unwrap();
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let mut all = BTreeMap::new();
    for track in index.tracks() {
        let (record, segments) = (index.track(track).unwrap(), index.segments(track).unwrap());
        let duration = record.duration_s.to_bits();
        let value = (record.content, duration, bits(segments.starts_s), bits(segments.rows.values()));
        assert!(all.insert(record.path, value).is_none(), "a track stands twice");
    }
    all
}

/// Embedded, moved, copied, unchanged, removed, kept.
pub fn counts(report: &Report) -> [usize; 6] {
    let Report { embedded, moved, copied, unchanged, removed, kept, .. } = *report;
    [embedded, moved, copied, unchanged, removed, kept]
}
