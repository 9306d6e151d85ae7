//! Files that were refused, so that nobody hears of them, or waits for them, twice.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use muscall::Muscall;
use muscall::audio::FileState;
use muscall::files::replace_bytes;
use muscall::indexing::{Item, Unreadable};
use serde::{Deserialize, Serialize};

use crate::Failed;

/// In the folder of a library.
const FILE: &str = "refused.json";

/// What was refused, by its name in the index. Another version of this program may read what this one refuses, and so may
/// another model, or another device.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refusals {
    reader: String,
    files: HashMap<String, Refusal>,
}

/// Why, and by what it is noticed that the file isn't that one any more.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    reason: String,
    bytes: u64,
    modified_ns: u64,
    changed_ns: u64,
    inode: u64,
    probe: u64,
}

impl Refusal {
    fn is_of(&self, state: &FileState) -> bool {
        let own = (self.bytes, self.modified_ns, self.changed_ns, self.inode, self.probe);
        own == (state.bytes, state.modified_ns, state.changed_ns, state.inode, state.probe)
    }
}

/// What reads the files: this program, for a model, on a device.
fn reader(model: &Muscall) -> Result<String, Failed> {
    Ok(format!("{} {} {:?}", env!("CARGO_PKG_VERSION"), model.fingerprint()?, model.device()))
}

impl Refusals {
    /// Of a library's folder; none if there is no such file, or one that says nothing of this model and device.
    pub(super) fn read(folder: &Path, model: &Muscall) -> Result<Self, Failed> {
        let reader = reader(model)?;
        let read = Self::written(folder).filter(|refusals| refusals.reader == reader);
        Ok(read.unwrap_or_default())
    }

    fn written(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(FILE)).ok()?).ok()
    }

    /// Those of which another look would say the same.
    pub(super) fn of(unreadable: &[Unreadable], model: &Muscall) -> Result<Self, Failed> {
        let refusal = |file: &Unreadable| {
            let FileState { bytes, modified_ns, changed_ns, inode, probe } = file.state?;
            let refusal = Refusal { reason: file.reason.clone(), bytes, modified_ns, changed_ns, inode, probe };
            Some((file.path.clone(), refusal))
        };
        let files = unreadable.iter().filter_map(refusal).collect();
        Ok(Self { reader: reader(model)?, files })
    }

    /// What is worth a look, and what was refused as it is now. A track of the index is always looked at: it was heard.
    pub(super) fn split(&self, items: Vec<Item>, is_known: impl Fn(&str) -> bool) -> (Vec<Item>, Vec<Unreadable>) {
        let mut refused = Vec::new();
        let mut items = items;
        items.retain(|item| {
            let refusal = self.files.get(&item.path).filter(|refusal| refusal.is_of(&item.state));
            let known = refusal.filter(|_| !is_known(&item.path));
            refused.extend(known.map(|refusal| Unreadable {
                path: item.path.clone(),
                reason: refusal.reason.clone(),
                state: Some(item.state),
            }));
            known.is_none()
        });
        (items, refused)
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), Failed> {
        if self.files.is_empty() && !folder.join(FILE).exists() || Self::written(folder).as_ref() == Some(self) {
            return Ok(());
        }
        Ok(replace_bytes(&folder.join(FILE), serde_json::to_string(self)?)?)
    }
}
