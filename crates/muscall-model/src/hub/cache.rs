//! The hub's cache on this disk: `models--org--name` with `blobs`, `refs` and `snapshots`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The revision that is meant when none is named.
pub(super) const MAIN: &str = "main";

/// The folder of the cache that all programs of the hub share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubCache(PathBuf);

impl HubCache {
    /// A cache in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// `$HF_HUB_CACHE`, `$HF_HOME/hub`, or `~/.cache/huggingface/hub`; none without a home.
    pub fn from_env() -> Option<Self> {
        Self::from_variables(|name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<Self> {
        variable("HF_HUB_CACHE").or_else(|| Some(home(variable)?.join("hub"))).map(Self)
    }

    /// The folder of a model, whether it is there or not.
    pub fn model(&self, name: &str) -> PathBuf {
        self.0.join(format!("models--{}", name.replace('/', "--")))
    }

    /// The files of a model's main revision, if it is here. They need not be all of them.
    pub fn snapshot(&self, name: &str) -> Option<PathBuf> {
        if !is_hub_name(name) {
            return None;
        }
        main_snapshot(&self.model(name))
    }
}

/// The snapshot that `refs/main` of a model's folder names.
pub(crate) fn main_snapshot(model: &Path) -> Option<PathBuf> {
    let commit = fs::read_to_string(model.join("refs").join(MAIN)).ok()?;
    let commit = commit.trim();
    let snapshot = model.join("snapshots").join(commit);
    (is_plain(commit) && snapshot.is_dir()).then_some(snapshot)
}

/// `$HF_HOME`, or `~/.cache/huggingface`.
pub(super) fn home(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    variable("HF_HOME").or_else(|| {
        let user = || variable("HOME").or_else(|| variable("USERPROFILE"));
        let cache = variable("XDG_CACHE_HOME").or_else(|| Some(user()?.join(".cache")));
        Some(cache?.join("huggingface"))
    })
}

/// Whether a text can be a model's name on the hub: `laion/larger_clap_general`.
pub fn is_hub_name(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    parts.len() <= 2 && parts.iter().all(|part| is_plain(part)) && !name.contains("--")
}

/// Whether a text is a name in a folder and nothing else.
pub(crate) fn is_plain(name: &str) -> bool {
    let is_known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && name.chars().all(is_known) && !name.starts_with('.') && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_hub_has_it() {
        let cache = |set: &[(&str, &str)]| {
            HubCache::from_variables(|name| set.iter().find(|(own, _)| *own == name).map(|(_, value)| value.into()))
        };
        assert_eq!(cache(&[("HOME", "/h")]), Some(HubCache::new("/h/.cache/huggingface/hub")));
        assert_eq!(cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]), Some(HubCache::new("/c/huggingface/hub")));
        assert_eq!(cache(&[("HOME", "/h"), ("HF_HOME", "/f")]), Some(HubCache::new("/f/hub")));
        assert_eq!(cache(&[("HF_HOME", "/f"), ("HF_HUB_CACHE", "/b")]), Some(HubCache::new("/b")));
        assert_eq!(cache(&[]), None);
        assert_eq!(HubCache::new("c").model("laion/larger"), Path::new("c/models--laion--larger"));
    }

    #[test]
    fn names_do_not_leave_the_cache() {
        for name in ["laion/larger_clap_general", "gpt2", "a.b/c-d"] {
            assert!(is_hub_name(name), "{name}");
        }
        for name in ["", "../x", "a/../b", "/a", "a/b/c", "a//b", ".cache/a", "a/b.pt?", "C:\\a", "a--b/c"] {
            assert!(!is_hub_name(name), "{name}");
        }
    }
}
