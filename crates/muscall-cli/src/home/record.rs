//! What is written down of a library.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use muscall::files::replace_bytes;
use serde::{Deserialize, Serialize};

use crate::Failed;

/// In the folder of a library.
pub(super) const RECORD: &str = "library.toml";
const LOCK: &str = "library.lock";

/// Which model hears a library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Model {
    /// The one that comes with the program.
    Boxed,
    /// The bundle in this folder.
    Bundle(PathBuf),
}

/// What is searched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Searched {
    /// The file in the library's folder.
    pub(super) file: String,
    pub(super) model: Model,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Record {
    /// Folders, manifests and buckets.
    pub(super) music: Vec<PathBuf>,
    /// Seconds of music that were analysed per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rate: Option<f64>,
    /// The model that it is to have, while its index is being made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_model: Option<Model>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<Searched>,
}

impl Record {
    /// Of a folder that need not be there.
    pub(super) fn read(folder: &Path) -> Result<Self, Failed> {
        let path = folder.join(RECORD);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("{}: {error}", path.display()).into()),
        }
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), Failed> {
        Ok(replace_bytes(&folder.join(RECORD), toml::to_string(self)?)?)
    }
}

/// The right to change a library; `None` if another process has it. It ends when the file is dropped.
pub(super) fn lock(folder: &Path) -> Result<Option<File>, Failed> {
    let path = folder.join(LOCK);
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    fs::create_dir_all(folder).map_err(told)?;
    let file = File::create(&path).map_err(told)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(told(error).into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_and_one_process_changes_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new");
        assert_eq!(Record::read(&folder).unwrap(), Record::default());
        let held = lock(&folder).unwrap();
        assert!(held.is_some() && lock(&folder).unwrap().is_none());
        drop(held);
        assert!(lock(&folder).unwrap().is_some());
        let (music, rate, next_model) = (vec!["/music".into()], Some(12.5), Some(Model::Boxed));
        let index = Some(Searched { file: "a.index".to_owned(), model: Model::Bundle("/bundle".into()) });
        let record = Record { music, rate, next_model, index };
        record.write(&folder).unwrap();
        assert_eq!(Record::read(&folder).unwrap(), record);
        fs::write(folder.join(RECORD), "musik = []").unwrap();
        assert!(Record::read(&folder).unwrap_err().to_string().contains(RECORD));
    }
}
