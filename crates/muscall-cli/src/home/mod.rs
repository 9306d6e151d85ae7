//! What a user keeps: settings, and libraries by name.
//!
//! A library is a list of folders with an index of them. It lies in the data directory of the platform, and so is found
//! from anywhere: `~/.local/share/muscall` on Linux.

mod kept;
mod record;
mod refusals;
mod settings;

use std::path::{Path, PathBuf};

use directories::ProjectDirs;

pub(crate) use self::kept::{Held, IndexState, Kept, Updated};
pub(crate) use self::record::Model;
pub(crate) use self::settings::Settings;
use crate::Failed;

/// The library that is meant if none is named.
pub(crate) const DEFAULT: &str = "default";

/// The user's folders.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    data: PathBuf,
    settings: PathBuf,
}

impl Home {
    /// By the platform's rules, such as `XDG_DATA_HOME` and `XDG_CONFIG_HOME` on Linux.
    pub(crate) fn find() -> Result<Self, Failed> {
        let places = ProjectDirs::from("", "", "muscall").ok_or("this user has no home folder")?;
        Ok(Self { data: places.data_dir().to_owned(), settings: places.config_dir().join("config.toml") })
    }

    /// Where the settings are, if there are any.
    pub(crate) fn settings_file(&self) -> &Path {
        &self.settings
    }

    pub(crate) fn settings(&self) -> Result<Settings, Failed> {
        Settings::read(&self.settings)
    }

    /// The library of a name, which need not be there yet.
    pub(crate) fn library(&self, name: &str) -> Result<Kept, Failed> {
        Kept::open(&self.folder(name)?)
    }

    /// The same for changing it; `None` while another process changes it.
    pub(crate) fn hold(&self, name: &str) -> Result<Option<Held>, Failed> {
        Held::open(&self.folder(name)?)
    }

    fn folder(&self, name: &str) -> Result<PathBuf, Failed> {
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
        if name.trim().is_empty() || !name.chars().all(is_plain) {
            return Err(
                format!("`{name}` is not a valid library name: use letters, digits, spaces, `-` and `_`").into()
            );
        }
        Ok(self.data.join("libraries").join(name))
    }

    /// The names of all libraries, in order.
    pub(crate) fn libraries(&self) -> Vec<String> {
        let folders = std::fs::read_dir(self.data.join("libraries")).into_iter().flatten().flatten();
        let libraries = folders.filter(|folder| folder.path().join(record::RECORD).exists());
        let mut names: Vec<String> = libraries.filter_map(|folder| folder.file_name().into_string().ok()).collect();
        names.sort();
        names
    }
}
