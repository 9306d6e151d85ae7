//! Files that were refused, so that nobody hears of them, or waits for them, twice.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use muscall::audio::FileState;
use muscall::files::replace_bytes;
use muscall::indexing::{Item, Unreadable};
use serde::{Deserialize, Serialize};

use crate::Failed;

/// In the folder of a library.
const FILE: &str = "refused.json";

/// What was refused, by its name in the index. Another version of this program may read what this one refuses.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refusals {
    version: String,
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
}

impl Refusal {
    fn is_of(&self, state: &FileState) -> bool {
        let own = (self.bytes, self.modified_ns, self.changed_ns, self.inode);
        own == (state.bytes, state.modified_ns, state.changed_ns, state.inode)
    }
}

impl Refusals {
    /// Of a library's folder; none if there is no such file, or one that says nothing now.
    pub(super) fn read(folder: &Path) -> Self {
        let read = fs::read(folder.join(FILE)).ok().and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        read.filter(|refusals| refusals.version == env!("CARGO_PKG_VERSION")).unwrap_or_default()
    }

    /// Those of which another look would say the same.
    pub(super) fn of(unreadable: &[Unreadable]) -> Self {
        let refusal = |file: &Unreadable| {
            let FileState { bytes, modified_ns, changed_ns, inode, .. } = file.state?;
            let refusal = Refusal { reason: file.reason.clone(), bytes, modified_ns, changed_ns, inode };
            Some((file.path.clone(), refusal))
        };
        let files = unreadable.iter().filter_map(refusal).collect();
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), files }
    }

    /// What is worth a look, and what was refused as it is now.
    pub(super) fn split(&self, items: Vec<Item>) -> (Vec<Item>, Vec<Unreadable>) {
        let mut refused = Vec::new();
        let mut items = items;
        items.retain(|item| {
            let known = self.files.get(&item.path).filter(|refusal| refusal.is_of(&item.state));
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
        if self.files.is_empty() && !folder.join(FILE).exists() || Self::read(folder) == *self {
            return Ok(());
        }
        Ok(replace_bytes(&folder.join(FILE), serde_json::to_string(self)?)?)
    }
}
