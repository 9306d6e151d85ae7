//! A library on the disk: its folders, its model, its index.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use muscall::indexing::{Indexer, Scope, Unreadable, away_place, forget, write_unreadable};
use muscall::library::Library;
use muscall::retrieval::{IndexWriter, RetrievalError};
use muscall::vectors::Fingerprint;
use muscall::{Index, Muscall};
use xxhash_rust::xxh3::xxh3_64;

use super::record::{Model, Record, Searched, lock};
use super::refusals::Refusals;
use crate::console::IndexConsole;
use crate::names::length_s;
use crate::{Beside, Failed, Source, open_index};

/// Why files were left out, in the folder of a library.
const LEFT_OUT: &str = "unreadable.tsv";
/// A rate measured on less than this says little.
const MEASURED_S: f64 = 600.0;

/// A library of the user.
#[derive(Debug)]
pub(crate) struct Kept {
    folder: PathBuf,
    record: Record,
}

/// A library that no other process changes meanwhile.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) kept: Kept,
    _lock: File,
}

/// How the index that is searched stands to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexState {
    /// Nothing was indexed yet, or what was is damaged.
    Missing,
    OfThisModel,
    OfAnother,
}

/// What became of the files of a library.
#[derive(Debug, Default)]
pub(crate) struct Updated {
    pub(crate) embedded: usize,
    pub(crate) removed: usize,
    pub(crate) unreadable: Vec<Unreadable>,
    /// How many of these nobody has been told of before.
    pub(crate) newly_unreadable: usize,
    /// Why files were left out without a look at what they hold, and how many each time, if that is news.
    pub(crate) news: Vec<(String, usize)>,
    /// What the folders hold beside music.
    pub(crate) beside: Beside,
    /// Somebody stopped it; what was done so far is kept.
    pub(crate) stopped: bool,
}

impl Kept {
    /// Of a folder that need not be there.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failed> {
        Ok(Self { folder: folder.to_owned(), record: Record::read(folder)? })
    }

    /// Its folders, manifests and buckets.
    pub(crate) fn music(&self) -> &[PathBuf] {
        &self.record.music
    }

    /// The model of what is searched.
    pub(crate) fn model(&self) -> Option<&Model> {
        self.record.index.as_ref().map(|index| &index.model)
    }

    /// The model that it is to have, if its index isn't whole yet.
    pub(crate) fn next_model(&self) -> Option<&Model> {
        self.record.next_model.as_ref()
    }

    /// Where the list of files that were left out is.
    pub(crate) fn left_out(&self) -> PathBuf {
        self.folder.join(LEFT_OUT)
    }

    fn index_file(&self) -> Option<PathBuf> {
        self.record.index.as_ref().map(|index| self.folder.join(&index.file))
    }

    /// What is searched, if anything was indexed.
    pub(crate) fn index(&self) -> Result<Option<Index>, RetrievalError> {
        self.index_file().map(|path| Index::open(&path)).transpose()
    }

    /// Whether what is searched is of this model.
    pub(crate) fn index_state(&self, fingerprint: &Fingerprint) -> IndexState {
        match self.index_file().map(|path| Index::open_for(&path, fingerprint.clone())) {
            Some(Ok(_)) => IndexState::OfThisModel,
            Some(Err(RetrievalError::Fingerprint { .. })) => IndexState::OfAnother,
            None | Some(Err(_)) => IndexState::Missing,
        }
    }

    /// How much another model would have to analyse: tracks, and the seconds that it would take, if that was ever
    /// measured.
    pub(crate) fn to_analyse(&self) -> Result<(usize, Option<f64>), RetrievalError> {
        let Some(index) = self.index()? else { return Ok((0, None)) };
        let mut audio_s = 0.0;
        for track in index.tracks() {
            let track = index.track(track)?;
            audio_s += length_s(&track.path, track.duration_s);
        }
        Ok((index.len(), self.record.rate.map(|rate| audio_s / rate)))
    }

    /// What is searched, with the model that analysed it.
    pub(crate) fn library(&self, model: Muscall) -> Result<Library, Failed> {
        let index = self.index_file().ok_or("nothing has been indexed yet; first run: muscall index FOLDER")?;
        Ok(Library::new(model, &index)?)
    }
}

impl Held {
    /// The library of a folder, which is made; `None` while another process changes it.
    pub(crate) fn open(folder: &Path) -> Result<Option<Self>, Failed> {
        let Some(lock) = lock(folder)? else { return Ok(None) };
        Ok(Some(Self { kept: Kept::open(folder)?, _lock: lock }))
    }

    /// Adds folders, by their real paths. What has no music is refused; what lies in a folder of the library is there
    /// already, and one around others takes their place.
    pub(crate) fn add_music(&mut self, folders: &[PathBuf]) -> Result<(), Failed> {
        for folder in folders {
            let real = match is_bucket(folder) {
                true => folder.clone(),
                false => fs::canonicalize(folder)
                    .map_err(|error| format!("{}: {error}; give a folder of music", folder.display()))?,
            };
            if real.to_str().is_none() {
                return Err(format!("{}: the path is not UTF-8; rename the folder", real.display()).into());
            }
            let music = &mut self.kept.record.music;
            if !music.iter().any(|known| real.starts_with(known)) {
                Source::read(&real)?;
                music.retain(|known| !known.starts_with(&real));
                music.push(real);
            }
        }
        Ok(())
    }

    /// Leaves out one of its folders from now on, with all its tracks; gives how many of these there were. Those of a
    /// manifest go when the library is next brought up to date.
    pub(crate) fn forget(&mut self, folder: &Path) -> Result<usize, Failed> {
        // It may be gone, and then has no real path.
        let spellings = [Some(folder.to_owned()), fs::canonicalize(folder).ok(), std::path::absolute(folder).ok()];
        let music = &self.kept.record.music;
        let Some(place) = music.iter().position(|music| spellings.iter().flatten().any(|spelled| spelled == music))
        else {
            let own: Vec<String> = music.iter().map(|music| music.display().to_string()).collect();
            let own = own.join(", ");
            return Err(format!("{} is not one of this library's folders: {own}", folder.display()).into());
        };
        let named = self.kept.record.music.remove(place);
        let mut forgotten = 0;
        if let Some(index) = self.kept.index()? {
            let mut writer = IndexWriter::open(index.path(), &index.config().fingerprint)?;
            forgotten = forget(&mut writer, &named.to_string_lossy())?;
            writer.compact_where_it_pays()?;
        }
        self.write()?;
        Ok(forgotten)
    }

    /// Analyses what is new and forgets what is gone. An index of another model stays, and is searched, until the new one
    /// has all that it has; one that was stopped is continued.
    pub(crate) fn update(
        &mut self,
        (model, name): (&Muscall, &Model),
        console: &mut IndexConsole,
    ) -> Result<Updated, Failed> {
        let fingerprint = model.fingerprint()?;
        let state = self.kept.index_state(&fingerprint);
        let file = match &self.kept.record.index {
            Some(index) if state == IndexState::OfThisModel => index.file.clone(),
            _ => format!("{:016x}.index", xxh3_64(fingerprint.to_string().as_bytes())),
        };
        let path = self.kept.folder.join(&file);
        let mut writer = open_index(&path, model)?;
        if state == IndexState::OfAnother {
            self.kept.record.next_model = Some(name.clone());
        } else {
            // There is nothing else that could be searched: this can, while it grows.
            self.kept.record.index = Some(Searched { file: file.clone(), model: name.clone() });
        }
        // The folders are known from now on, should it be stopped.
        self.write()?;
        let Source { items, scope, mut unreadable, beside } = self.sources()?;
        let refusals = Refusals::read(&self.kept.folder, model)?;
        let (items, mut refused) = refusals.split(items, |path| writer.find(path).is_ok_and(|track| track.is_some()));
        let news = by_reason(unreadable.iter().filter(|file| refusals.is_new(file)));
        let started = Instant::now();
        let mut report = Indexer::default().run(model, &mut writer, items, &scope, |event| console.listen(&event))?;
        console.finish();
        unreadable.append(&mut refused);
        unreadable.append(&mut report.unreadable);
        let newly_unreadable = unreadable.iter().filter(|file| refusals.is_new(file)).count();
        let (embedded, removed, stopped) = (report.embedded, report.removed, report.stopped);
        let updated = Updated { embedded, removed, unreadable, newly_unreadable, news, beside, stopped };
        if stopped {
            return Ok(updated);
        }
        if report.audio_s >= MEASURED_S {
            self.kept.record.rate = Some(report.audio_s / started.elapsed().as_secs_f64().max(1e-3));
        }
        writer.compact_where_it_pays()?;
        write_unreadable(&self.kept.left_out(), &updated.unreadable)?;
        refusals.write(&updated.unreadable)?;
        if state == IndexState::OfAnother {
            self.switch(&path, Searched { file, model: name.clone() })?;
        }
        self.write()?;
        Ok(updated)
    }

    /// All items of the library, and what these speak for. A folder that can't be read now keeps its tracks.
    fn sources(&self) -> Result<Source, Failed> {
        let (mut items, mut unreadable, mut beside) = (Vec::new(), Vec::new(), Beside::default());
        for music in self.kept.music() {
            match Source::read(music) {
                Ok(source) => {
                    items.extend(source.items);
                    unreadable.extend(source.unreadable);
                    beside.add(source.beside);
                }
                // Nobody knows which tracks were a manifest's, and that of a bucket nothing is left can't be seen.
                Err(error) if is_manifest(music) || is_bucket(music) => {
                    return Err(format!("{error}\n  or forget it: muscall index --forget {}", music.display()).into());
                }
                Err(error) => eprintln!("{error}"),
            }
        }
        let folders = self.kept.music().iter().map(PathBuf::as_path).filter(|music| !is_manifest(music));
        let scope = Scope::folders(folders).but(&unreadable);
        Ok(Source { items, scope, unreadable, beside })
    }

    /// Searches another index from now on, unless the old one knows tracks that nobody can look at now.
    fn switch(&mut self, path: &Path, searched: Searched) -> Result<(), Failed> {
        let new = Index::open(path)?;
        let mut names = HashSet::new();
        for track in new.tracks() {
            names.insert(new.track(track)?.path);
        }
        let (mut away, mut example) = (0, None);
        if let Some(old) = self.kept.index()? {
            for track in old.tracks() {
                let name = old.track(track)?.path;
                let mut folders = self.kept.music().iter().filter(|music| !is_bucket(music));
                let root = folders.find(|music| Path::new(&name).starts_with(music));
                let place = root.filter(|_| !names.contains(&name)).and_then(|root| away_place(root, Path::new(&name)));
                away += usize::from(place.is_some());
                example = example.or(place);
            }
        }
        if let Some(place) = example {
            return Err(format!(
                "{}: the tracks below it ({away}) can't be read now, and the library keeps its old model until they are \
                 indexed again; mount the disk and run `muscall index`, or forget the folder",
                place.display()
            )
            .into());
        }
        self.kept.record.index = Some(searched);
        self.kept.record.next_model = None;
        Ok(())
    }

    /// Stays with the model that it has, whatever another one has begun.
    pub(crate) fn keep_model(&mut self) {
        self.kept.record.next_model = None;
    }

    /// Removes indexes that nobody will search any more. Who has one open keeps it.
    pub(crate) fn remove_others(&self) {
        let Some(own) = self.kept.index_file() else { return };
        for file in fs::read_dir(&self.kept.folder).into_iter().flatten().flatten() {
            let path = file.path();
            // What a run of another model has begun.
            if path.extension().is_some_and(|extension| extension == "unfinished") && path.with_extension("") != own {
                let _ = fs::remove_dir_all(&path);
            }
            let is_index = path.extension().is_some_and(|extension| extension == "index");
            if is_index && path != own {
                let _ = fs::remove_file(path.with_extension("index.lock"));
                let _ = fs::remove_file(path);
            }
        }
    }

    fn write(&self) -> Result<(), Failed> {
        if Record::read(&self.kept.folder).is_ok_and(|written| written == self.kept.record) {
            return Ok(());
        }
        self.kept.record.write(&self.kept.folder)
    }
}

/// How many files each reason has, most first.
fn by_reason<'a>(files: impl Iterator<Item = &'a Unreadable>) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    files.for_each(|file| *counts.entry(&file.reason).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().map(|(reason, files)| (reason.to_owned(), files)).collect();
    counts.sort_by_key(|(_, files)| std::cmp::Reverse(*files));
    counts
}

pub(super) fn is_bucket(music: &Path) -> bool {
    music.to_str().is_some_and(|name| name.starts_with("s3://"))
}

/// By its name, since it may be gone.
fn is_manifest(music: &Path) -> bool {
    let extension = music.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    !music.is_dir() && ["jsonl", "json", "csv", "tsv"].contains(&extension)
}
