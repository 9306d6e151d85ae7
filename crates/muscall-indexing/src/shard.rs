//! One of several jobs that share the work.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use muscall_files::FileError;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::{IndexingError, Item};

/// Variables in which clusters number the tasks of a job: SLURM's arrays, Kubernetes' Indexed Jobs.
const VARIABLES: [&str; 2] = ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"];

/// Job `number` of `count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub number: u64,
    /// How many there are.
    pub count: u64,
}

impl FromStr for Shard {
    type Err = IndexingError;

    fn from_str(text: &str) -> Result<Self, IndexingError> {
        let parse = || {
            let (number, count) = text.split_once('/')?;
            let shard = Self { number: number.parse().ok()?, count: count.parse().ok()? };
            (shard.number < shard.count).then_some(shard)
        };
        parse().ok_or_else(|| IndexingError::Shard { found: text.into() })
    }
}

impl Shard {
    /// The one that the cluster says this process is, out of `count`.
    ///
    /// # Errors
    /// [`IndexingError::ShardVariable`] if no cluster says so, or nonsense.
    pub fn from_environment(count: u64) -> Result<Self, IndexingError> {
        let found = VARIABLES.iter().find_map(|name| Some((*name, std::env::var(name).ok()?)));
        let (variable, found) = found.unwrap_or((VARIABLES[0], String::new()));
        match found.parse() {
            Ok(number) if number < count => Ok(Self { number, count }),
            _ => Err(IndexingError::ShardVariable { variable, found, count }),
        }
    }

    /// Whether an item is for this job: by its name, so that it stays there whatever else comes.
    pub fn takes(&self, item: &Item) -> bool {
        xxh3_64(item.path.as_bytes()) % self.count == self.number
    }

    /// This job's own index, beside the one that all will be merged to.
    pub fn index_path(&self, index: &Path) -> PathBuf {
        let mut name = index.file_name().unwrap_or_default().to_owned();
        name.push(format!(".shard-{}-of-{}", self.number, self.count));
        index.with_file_name(name)
    }
}

/// What a job leaves when it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// Of the model.
    pub fingerprint: String,
    /// Tracks in its index.
    pub tracks: usize,
    /// Files that were left out.
    pub unreadable: usize,
}

impl Done {
    /// The marker of an index.
    fn path(index: &Path) -> PathBuf {
        let mut name = index.file_name().unwrap_or_default().to_owned();
        name.push(".done");
        index.with_file_name(name)
    }

    /// What the job wrote, if it was done.
    ///
    /// # Errors
    /// [`IndexingError::Io`] or [`IndexingError::Marker`].
    pub fn read(index: &Path) -> Result<Option<Self>, IndexingError> {
        let path = Self::path(index);
        match fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).map_err(|source| IndexingError::Marker { path, source })
            }
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(FileError::reading(&path)(source).into()),
        }
    }

    /// Says that the job is done. Of two processes that say so only one does: gives whether it was this one.
    ///
    /// # Errors
    /// [`IndexingError::Io`].
    pub fn write(&self, index: &Path) -> Result<bool, IndexingError> {
        let path = Self::path(index);
        let io = FileError::writing(&path);
        let bytes = serde_json::to_vec(self).map_err(|source| io(source.into()))?;
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(&bytes).and_then(|()| file.sync_all()).map(|()| true).map_err(|source| io(source).into())
            }
            Err(source) if source.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(source) => Err(io(source).into()),
        }
    }

    /// Takes the marker back, because there is more to do.
    ///
    /// # Errors
    /// [`IndexingError::Io`].
    pub fn remove(index: &Path) -> Result<(), IndexingError> {
        let path = Self::path(index);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(FileError::writing(&path)(source).into())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn shards_have_names_and_share_everything() {
        assert_eq!("2/8".parse::<Shard>().unwrap(), Shard { number: 2, count: 8 });
        for wrong in ["8/8", "2", "/", "a/b", "1/0", "-1/2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
        let item = |i: usize| Item {
            part: None,
            path: format!("music/{i}.mp3"),
            origin: crate::Origin::File(PathBuf::new()),
            state: muscall_audio::FileState::default(),
            tags: Vec::new(),
        };
        let takers = |i| (0..8).filter(|&number| Shard { number, count: 8 }.takes(&item(i))).count();
        assert!((0..100).all(|i| takers(i) == 1));
        let third = Shard { number: 3, count: 8 };
        assert_eq!(third.index_path(Path::new("a/b.index")), Path::new("a/b.index.shard-3-of-8"));
    }

    #[test]
    fn one_of_two_is_done_first() {
        let dir = tempfile::tempdir().unwrap();
        let index = dir.path().join("a.index");
        let done = Done { fingerprint: "00".into(), tracks: 3, unreadable: 1 };
        assert_eq!(Done::read(&index).unwrap(), None);
        assert!(done.write(&index).unwrap());
        assert!(!done.write(&index).unwrap());
        assert_eq!(Done::read(&index).unwrap(), Some(done));
        Done::remove(&index).unwrap();
        Done::remove(&index).unwrap();
        fs::write(dir.path().join("a.index.done"), "{").unwrap();
        assert!(matches!(Done::read(&index), Err(IndexingError::Marker { .. })));
    }
}
