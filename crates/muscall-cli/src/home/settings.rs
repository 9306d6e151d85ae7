//! The file with settings.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::Failed;

/// `config.toml`; an unknown key is an error.
///
/// ```toml
/// music = ["/home/me/Music"]
/// model = "/home/me/models/clap"
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// What `index` indexes if no folder was ever named.
    pub(crate) music: Vec<PathBuf>,
    /// The bundle for libraries that are new. Without it, the model in the box.
    pub(crate) model: Option<PathBuf>,
}

impl Settings {
    /// Nothing is set where there is no file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failed> {
        match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text).map_err(|error| {
                format!("{}: {error}; it may have `music = […]` and `model = …`", path.display()).into()
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("{}: {error}", path.display()).into()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        assert_eq!(Settings::read(&path).unwrap(), Settings::default());
        std::fs::write(&path, "music = [\"/a\"]\nmodel = \"/m\"\n").unwrap();
        assert_eq!(Settings::read(&path).unwrap(), Settings { music: vec!["/a".into()], model: Some("/m".into()) });
        std::fs::write(&path, "musik = []\n").unwrap();
        let error = Settings::read(&path).unwrap_err().to_string();
        assert!(error.contains("config.toml") && error.contains("musik") && error.contains("music = "), "{error}");
    }
}
