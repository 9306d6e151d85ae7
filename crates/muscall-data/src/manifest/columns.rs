//! What the columns of a manifest are called.

use super::names;

/// Names of columns, or of keys in JSON, where they are called otherwise than [`Manifest::read`](super::Manifest::read) knows
/// them. In tables capitals make no difference.
///
/// ```
/// use muscall_data::{Columns, Manifest, Split};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let table = folder.path().join("music.csv");
/// std::fs::write(&table, "clip;summary;details\na.mp3;a reel;played on a fiddle\n")?;
/// let columns = Columns::new().with_audio("clip").with_captions(["summary", "details"]);
/// let manifest = Manifest::read_with(&table, Split::Train, &columns)?;
/// assert_eq!(manifest.rows[0].captions, ["a reel", "played on a fiddle"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    audio: Option<String>,
    captions: Vec<String>,
}

impl Columns {
    /// The names that are usual.
    pub fn new() -> Self {
        Self::default()
    }

    /// The column that names the audio file.
    #[must_use]
    pub fn with_audio(mut self, name: impl Into<String>) -> Self {
        self.audio = Some(name.into());
        self
    }

    /// The columns that hold captions, all of them of the row's track; no others do then.
    #[must_use]
    pub fn with_captions<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.captions = names.into_iter().map(Into::into).collect();
        self
    }

    /// Names of the audio, of which the first that is there counts.
    pub(crate) fn audio(&self) -> Vec<&str> {
        self.audio.as_deref().map_or_else(|| names::AUDIO.to_vec(), |name| vec![name])
    }

    /// Whether the audio is called otherwise than usual.
    pub(super) fn names_audio(&self) -> bool {
        self.audio.is_some()
    }

    /// Names of captions, if they are not the usual ones.
    pub(super) fn captions(&self) -> &[String] {
        &self.captions
    }

    /// As headers of tables have them.
    pub(super) fn in_lower_case(&self) -> Self {
        let lower = |name: &String| name.trim().to_lowercase();
        Self { audio: self.audio.as_ref().map(lower), captions: self.captions.iter().map(lower).collect() }
    }
}
