//! The file with settings.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use directories::BaseDirs;
use serde::Deserialize;

use super::kept::is_bucket;
use crate::Failed;

/// `config.toml`; an unknown key is an error.
///
/// ```toml
/// music = ["~/Music"]
/// model = "/home/me/models/clap"
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// What `index` indexes if no folder was ever named.
    pub(crate) music: Vec<PathBuf>,
    /// The bundle for new libraries. Without it, the model in the box.
    pub(crate) model: Option<PathBuf>,
}

impl Settings {
    /// Nothing is set where there is no file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failed> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(format!("{}: {error}", path.display()).into()),
        };
        let settings: Self = toml::from_str(&text)
            .map_err(|error| format!("{}: {error}; it may have `music = […]` and `model = …`", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let real = |place: PathBuf| expanded(&place, folder);
        Ok(Self { music: settings.music.into_iter().map(real).collect(), model: settings.model.map(real) })
    }
}

/// `~` is the user's home; what is relative lies beside the settings.
fn expanded(place: &Path, folder: &Path) -> PathBuf {
    if is_bucket(place) {
        return place.to_owned();
    }
    match (place.strip_prefix("~"), BaseDirs::new()) {
        (Ok(rest), Some(home)) => home.home_dir().join(rest),
        _ => folder.join(place),
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
        std::fs::write(&path, "music = [\"~/a\", \"b\", \"s3://c/d\"]\nmodel = \"/m\"\n").unwrap();
        let Settings { music, model } = Settings::read(&path).unwrap();
        assert_eq!(model, Some("/m".into()));
        assert!(music[0].is_absolute() && !music[0].starts_with("~") && music[0].ends_with("a"), "{music:?}");
        assert_eq!(music[1..], [dir.path().join("b"), "s3://c/d".into()]);
        std::fs::write(&path, "musik = []\n").unwrap();
        let error = Settings::read(&path).unwrap_err().to_string();
        assert!(error.contains("config.toml") && error.contains("musik") && error.contains("music = "), "{error}");
    }
}
