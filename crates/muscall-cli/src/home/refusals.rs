//! Files that were refused, so that nobody hears of them, or waits for them, twice.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use muscall::Muscall;
use muscall::audio::FileState;
use muscall::files::replace_bytes;
use muscall::indexing::{Item, Unreadable};
use muscall::model::is_cpu;
use serde::{Deserialize, Serialize};

use crate::Failed;

/// In the folder of a library.
const FILE: &str = "refused.json";

/// What was refused when a library was last brought up to date.
#[derive(Debug)]
pub(super) struct Refusals {
    file: PathBuf,
    /// As the file has it; nothing if there is none that can be read.
    written: Option<Written>,
    reader: Reader,
}

/// By the names in the index.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    reader: Reader,
    files: HashMap<String, Refusal>,
}

/// What reads files: another version of this program may read what this one refuses, and so may another model, which hears
/// long files otherwise, and so does another device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reader {
    version: String,
    space: String,
    is_cpu: bool,
}

/// Why, and the file as it was, if the same file would be refused again.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    reason: String,
    state: Option<FileState>,
}

impl Refusals {
    /// Of a library's folder.
    pub(super) fn read(folder: &Path, model: &Muscall) -> Result<Self, Failed> {
        let (version, space) = (env!("CARGO_PKG_VERSION").to_owned(), model.fingerprint()?.to_string());
        let reader = Reader { version, space, is_cpu: is_cpu(model.device()) };
        let file = folder.join(FILE);
        let written = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(Self { file, written, reader })
    }

    /// What is worth a look, and what was refused as it is now. A track of the index is always looked at: it was heard.
    pub(super) fn split(&self, mut items: Vec<Item>, is_known: impl Fn(&str) -> bool) -> (Vec<Item>, Vec<Unreadable>) {
        let Some(written) = self.written.as_ref().filter(|written| written.reader == self.reader) else {
            return (items, Vec::new());
        };
        let mut refused = Vec::new();
        items.retain(|item| {
            let known = written.files.get(&item.path).filter(|known| known.state == Some(item.state));
            let known = known.filter(|_| !is_known(&item.path));
            refused.extend(known.map(|known| Unreadable {
                path: item.path.clone(),
                reason: known.reason.clone(),
                state: known.state,
            }));
            known.is_none()
        });
        (items, refused)
    }

    /// Whether nobody has been told of a file as it is now.
    pub(super) fn is_new(&self, file: &Unreadable) -> bool {
        let known = self.written.as_ref().and_then(|written| written.files.get(&file.path));
        known.is_none_or(|known| known.state != file.state)
    }

    /// Takes these for what was refused.
    pub(super) fn write(self, unreadable: &[Unreadable]) -> Result<(), Failed> {
        let refusal = |file: &Unreadable| Refusal { reason: file.reason.clone(), state: file.state };
        let files: HashMap<_, _> = unreadable.iter().map(|file| (file.path.clone(), refusal(file))).collect();
        let new = Written { reader: self.reader, files };
        let is_same = match &self.written {
            Some(written) => *written == new,
            None => new.files.is_empty(),
        };
        if is_same {
            return Ok(());
        }
        Ok(replace_bytes(&self.file, serde_json::to_string(&new)?)?)
    }
}
