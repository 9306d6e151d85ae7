//! What has to be done to bring an index up to date.

use std::collections::{HashMap, HashSet};

use muscall_retrieval::{Index, RetrievalError};

use crate::{Item, Unreadable};

/// Which tracks of the index a list of items speaks for: those of them that are not in the list are gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// No track but those in the list.
    #[default]
    Items,
    /// All tracks whose names start so.
    Prefix(String),
    /// All of the index.
    All,
    /// Those of another scope, but for what is at or below these paths.
    But(Box<Scope>, Vec<String>),
}

impl Scope {
    /// Everything below a folder.
    pub fn folder(folder: &std::path::Path) -> Self {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let mut prefix = folder.to_string_lossy().into_owned();
        if !prefix.ends_with(std::path::MAIN_SEPARATOR) {
            prefix.push(std::path::MAIN_SEPARATOR);
        }
        Self::Prefix(prefix)
    }

    /// The same without what could not be looked at, and so may be there still.
    #[must_use]
    pub fn but(self, unreadable: &[Unreadable]) -> Self {
        if unreadable.is_empty() {
            return self;
        }
        Self::But(Box::new(self), unreadable.iter().map(|refused| refused.path.clone()).collect())
    }

    fn includes(&self, path: &str) -> bool {
        match self {
            Self::Items => false,
            Self::Prefix(prefix) => path.starts_with(prefix),
            Self::All => true,
            Self::But(scope, unknown) => scope.includes(path) && !unknown.iter().any(|place| is_within(path, place)),
        }
    }
}

/// Whether a path is a place or below it.
fn is_within(path: &str, place: &str) -> bool {
    let rest = path.strip_prefix(place.trim_end_matches(std::path::MAIN_SEPARATOR));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(std::path::MAIN_SEPARATOR))
}

/// A file to be read, and tracks that may have the same content.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) item: Item,
    pub(crate) perhaps: Vec<usize>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) work: Vec<Work>,
    /// Names of tracks whose files are gone.
    pub(crate) gone: Vec<String>,
    pub(crate) unchanged: usize,
}

impl Plan {
    pub(crate) fn new(index: &Index, items: Vec<Item>, scope: &Scope) -> Result<Self, RetrievalError> {
        let mut known = HashMap::with_capacity(items.len());
        let mut gone = Vec::new();
        // Of what is gone, by size: a file of that size may be the same under another name.
        let mut lost: HashMap<u64, Vec<usize>> = HashMap::new();
        {
            let wanted: HashSet<&str> = items.iter().map(|item| item.path.as_str()).collect();
            for track in index.tracks() {
                let record = index.track(track)?;
                if wanted.contains(record.path.as_str()) {
                    known.insert(record.path.clone(), (track, record));
                } else if scope.includes(&record.path) {
                    lost.entry(record.bytes).or_default().push(track);
                    gone.push(record.path);
                }
            }
        }
        let mut plan = Self { gone, ..Self::default() };
        let mut seen = HashSet::with_capacity(items.len());
        for item in items {
            if !seen.insert(item.path.clone()) {
                continue;
            }
            match known.get(&item.path) {
                Some((_, old))
                    if (old.bytes, old.modified_ns) == (item.bytes, item.modified_ns)
                        && (item.tags.is_empty() || old.tags == item.tags) =>
                {
                    plan.unchanged += 1;
                }
                Some((track, old)) if old.bytes == item.bytes => plan.work.push(Work { perhaps: vec![*track], item }),
                _ => {
                    let perhaps = lost.get(&item.bytes).cloned().unwrap_or_default();
                    plan.work.push(Work { item, perhaps });
                }
            }
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_could_not_be_looked_at_is_not_gone() {
        let refused = |path: &str| Unreadable { path: path.into(), reason: String::new() };
        for scope in [Scope::folder(Path::new("/music")), Scope::All] {
            let scope = scope.but(&[refused("/music/disk"), refused("/music/b.mp3")]);
            for kept in ["/music/disk/a.mp3", "/music/disk/c/a.mp3", "/music/disk", "/music/b.mp3"] {
                assert!(!scope.includes(kept), "{kept}");
            }
            for gone in ["/music/a.mp3", "/music/disk 2/a.mp3", "/music/b.mp3.flac"] {
                assert!(scope.includes(gone), "{gone}");
            }
        }
        assert!(!Scope::folder(Path::new("/music")).but(&[refused("/music/b.mp3")]).includes("/other/a.mp3"));
        assert_eq!(Scope::All.but(&[]), Scope::All);
    }
}
