//! A library on the disk: its folders, its model, its index.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

use muscall::files::replace_bytes;
use muscall::indexing::{Indexer, Report, Unreadable, forget, index_config, write_unreadable};
use muscall::library::Library;
use muscall::retrieval::{IndexWriter, RetrievalError};
use muscall::vectors::Fingerprint;
use muscall::{Index, Muscall};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::console::IndexConsole;
use crate::{Failed, Source};

/// In the folder of a library.
const RECORD: &str = "library.toml";
/// Why files were left out, in the folder of a library.
const LEFT_OUT: &str = "unreadable.tsv";
/// A rate measured on less than this says little.
const MEASURED_S: f64 = 600.0;
/// An index of which more than this is garbage is written anew.
const GARBAGE: f64 = 0.25;
/// So is one in more pieces than this.
const BLOCKS: usize = 256;

/// What is written down of a library.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Record {
    music: Vec<PathBuf>,
    /// A bundle; none for the model in the box.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<PathBuf>,
    /// The file of the index that is searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<String>,
    /// Seconds of music that were heard per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
}

/// A library of the user.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    folder: PathBuf,
    record: Record,
}

/// What became of the files of a library.
#[derive(Debug, Default)]
pub(crate) struct Updated {
    pub(crate) embedded: usize,
    pub(crate) removed: usize,
    pub(crate) unreadable: Vec<Unreadable>,
    /// Somebody stopped it; what was done so far is kept.
    pub(crate) stopped: bool,
}

impl Kept {
    /// Of a folder that need not be there.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failed> {
        let path = folder.join(RECORD);
        let record = match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Record::default(),
            Err(error) => return Err(format!("{}: {error}", path.display()).into()),
        };
        Ok(Self { folder: folder.to_owned(), record })
    }

    /// Its folders of music.
    pub(crate) fn music(&self) -> &[PathBuf] {
        &self.record.music
    }

    /// The bundle that heard it; none for the model in the box.
    pub(crate) fn model(&self) -> Option<&Path> {
        self.record.model.as_deref()
    }

    /// Where the list of files that were left out is.
    pub(crate) fn left_out(&self) -> PathBuf {
        self.folder.join(LEFT_OUT)
    }

    /// The file that is searched.
    pub(crate) fn index_file(&self) -> Option<PathBuf> {
        self.record.index.as_ref().map(|name| self.folder.join(name))
    }

    /// What is searched, if anything was indexed.
    pub(crate) fn index(&self) -> Result<Option<Index>, RetrievalError> {
        self.index_file().map(|path| Index::open(&path)).transpose()
    }

    /// Adds folders that it does not have yet, by their real paths; what has no music is refused.
    pub(crate) fn add_music(&mut self, folders: &[PathBuf]) -> Result<(), Failed> {
        for folder in folders {
            let real = fs::canonicalize(folder)
                .map_err(|error| format!("{}: {error}; give a folder of music", folder.display()))?;
            if !self.record.music.contains(&real) {
                Source::read(&real)?;
                self.record.music.push(real);
            }
        }
        Ok(())
    }

    /// Leaves out one of its folders from now on, with all its tracks; gives how many there were.
    pub(crate) fn forget(&mut self, folder: &Path) -> Result<usize, Failed> {
        // It may be gone, and then has no real path.
        let named = fs::canonicalize(folder).or_else(|_| std::path::absolute(folder))?;
        let Some(place) = self.record.music.iter().position(|music| *music == named) else {
            let own: Vec<String> = self.record.music.iter().map(|music| music.display().to_string()).collect();
            return Err(format!("{}: none of the folders of this library: {}", folder.display(), own.join(", ")).into());
        };
        let mut forgotten = 0;
        if let Some(index) = self.index()? {
            let mut writer = IndexWriter::open(index.path(), &index.config().fingerprint)?;
            forgotten = forget(&mut writer, &named.to_string_lossy())?;
            compact(writer)?;
        }
        self.record.music.remove(place);
        self.write()?;
        Ok(forgotten)
    }

    /// Whether its index is of this model.
    pub(crate) fn is_heard_by(&self, fingerprint: &Fingerprint) -> bool {
        self.index_file().is_some_and(|path| Index::open_for(&path, fingerprint.clone()).is_ok())
    }

    /// How much another model would have to hear: tracks, and the seconds that it would take, if that was ever measured.
    pub(crate) fn to_hear_anew(&self) -> Result<(usize, Option<f64>), RetrievalError> {
        let Some(index) = self.index()? else { return Ok((0, None)) };
        let mut audio_s = 0.0;
        for track in index.tracks() {
            audio_s += index.track(track)?.duration_s;
        }
        Ok((index.len(), self.record.rate.map(|rate| audio_s / rate)))
    }

    /// Hears what is new and forgets what is gone. An index of another model stays, and is searched, until the new one is
    /// whole; a new one that was stopped is gone on with.
    pub(crate) fn update(
        &mut self,
        (model, bundle): (&Muscall, Option<&Path>),
        console: &mut IndexConsole,
    ) -> Result<Updated, Failed> {
        let fingerprint = model.fingerprint()?;
        let name = match &self.record.index {
            Some(name) if self.is_heard_by(&fingerprint) => name.clone(),
            _ => format!("{:016x}.index", xxh3_64(fingerprint.to_string().as_bytes())),
        };
        fs::create_dir_all(&self.folder).map_err(|error| format!("{}: {error}", self.folder.display()))?;
        let path = self.folder.join(&name);
        let mut writer = match IndexWriter::open_or_create(&path, &index_config(model)?) {
            Err(error @ (RetrievalError::Fingerprint { .. } | RetrievalError::Corrupt { .. })) => {
                eprintln!("the index is built anew: {error}");
                IndexWriter::replace(&path, &index_config(model)?)?
            }
            writer => writer?,
        };
        if self.record.index.is_none() {
            // There is nothing else that could be searched: this can, while it grows.
            (self.record.index, self.record.model) = (Some(name.clone()), bundle.map(Path::to_owned));
        }
        // The folders are known from now on, should it be stopped.
        self.write()?;
        let (mut updated, mut audio_s, started, mut away) = (Updated::default(), 0.0, Instant::now(), 0);
        for folder in &self.record.music {
            let source = match Source::read(folder) {
                Ok(source) => source,
                Err(error) if away + 1 == self.record.music.len() => return Err(error),
                Err(error) => {
                    eprintln!("{error}");
                    away += 1;
                    continue;
                }
            };
            let listen = |event: muscall::indexing::Event<'_>| console.listen(&event);
            let Report { embedded, audio_s: heard_s, removed, unreadable, stopped, .. } =
                Indexer::default().run(model, &mut writer, source.items, &source.scope, listen)?;
            updated.embedded += embedded;
            updated.removed += removed;
            updated.unreadable.extend(unreadable.into_iter().chain(source.unreadable));
            audio_s += heard_s;
            if stopped {
                updated.stopped = true;
                return Ok(updated);
            }
        }
        console.finish();
        let rate = audio_s / started.elapsed().as_secs_f64().max(1e-3);
        let old = self.record.clone();
        self.record.rate = if audio_s >= MEASURED_S { Some(rate) } else { self.record.rate };
        self.record.model = bundle.map(Path::to_owned);
        self.record.index = Some(name.clone());
        if self.record != old {
            self.write()?;
        }
        if let Some(former) = old.index.filter(|former| *former != name) {
            // Nobody opens it any more; who has it open keeps it.
            let _ = fs::remove_file(self.folder.join(former));
        }
        write_unreadable(&self.left_out(), &updated.unreadable)?;
        compact(writer)?;
        Ok(updated)
    }

    /// What is searched, with the model that heard it.
    pub(crate) fn library(&self, model: Muscall) -> Result<Library, Failed> {
        let index = self.index_file().ok_or("nothing was indexed yet: muscall index FOLDER")?;
        Ok(Library::new(model, &index)?)
    }

    fn write(&self) -> Result<(), Failed> {
        Ok(replace_bytes(&self.folder.join(RECORD), toml::to_string(&self.record)?)?)
    }
}

fn compact(writer: IndexWriter) -> Result<(), RetrievalError> {
    let index = Index::open(writer.path())?;
    if index.garbage() > GARBAGE || index.blocks_len() > BLOCKS {
        drop(index);
        writer.compact()?;
    }
    Ok(())
}
