//! Windows of recordings that take longer than an interruption may cost.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muscall_files::{FileError, replace_bytes};
use muscall_retrieval::IndexConfig;
use xxhash_rust::xxh3::xxh3_64;

/// Starts each file; what follows is as in [`Unfinished::header`].
const NAME: &str = "muscall unfinished";

/// A folder beside an index with the rows of recordings that a run has begun, each under the hash of its content. What is
/// not whole, or was made by another model or version, is not used.
#[derive(Debug)]
pub(crate) struct Unfinished {
    folder: PathBuf,
    /// Of the rows: the model, the windows and the dimension.
    made_for: String,
    /// How often they are written.
    pub(crate) every: Duration,
}

impl Unfinished {
    pub(crate) fn beside(index: &Path, config: &IndexConfig, every: Duration) -> Self {
        let mut folder = index.as_os_str().to_owned();
        folder.push(".unfinished");
        let made_for = serde_json::to_string(config).unwrap_or_default();
        Self { folder: folder.into(), made_for, every }
    }

    /// The rows of a content, none if there are none.
    pub(crate) fn rows(&self, content: u128) -> Vec<f32> {
        let Ok(bytes) = fs::read(self.file(content)) else { return Vec::new() };
        let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else { return Vec::new() };
        let (header, rows) = (&bytes[..end], &bytes[end + 1..]);
        if header != self.header(rows).as_bytes() {
            return Vec::new();
        }
        rows.chunks_exact(4).map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]])).collect()
    }

    /// Writes the rows so far.
    pub(crate) fn write(&self, content: u128, rows: &[f32]) -> Result<(), FileError> {
        fs::create_dir_all(&self.folder).map_err(FileError::writing(&self.folder))?;
        let rows: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut bytes = self.header(&rows).into_bytes();
        bytes.push(b'\n');
        bytes.extend(rows);
        replace_bytes(&self.file(content), bytes)
    }

    /// Forgets contents that the index has now.
    pub(crate) fn remove(&self, contents: impl IntoIterator<Item = u128>) {
        // What stays costs a little of the disk, until a run ends.
        contents.into_iter().for_each(|content| drop(fs::remove_file(self.file(content))));
    }

    /// Forgets all, since a run has come to its end.
    pub(crate) fn clear(&self) {
        let _ = fs::remove_dir_all(&self.folder);
    }

    fn header(&self, rows: &[u8]) -> String {
        format!("{NAME} {} {} {:016x}", env!("CARGO_PKG_VERSION"), self.made_for, xxh3_64(rows))
    }

    fn file(&self, content: u128) -> PathBuf {
        self.folder.join(format!("{content:032x}"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_those_of_the_same_model_and_content_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let index = dir.path().join("music.index");
        let config = IndexConfig::new(2, "one").with_windows(10.0, 5.0);
        let unfinished = |config: &IndexConfig| Unfinished::beside(&index, config, Duration::ZERO);
        let kept = unfinished(&config);
        assert!(kept.rows(7).is_empty());
        kept.write(7, &[0.6, -0.8]).unwrap();
        kept.write(7, &[0.6, -0.8, 1.0, 0.0]).unwrap();
        assert_eq!(kept.rows(7), [0.6, -0.8, 1.0, 0.0]);
        assert!(kept.rows(8).is_empty());
        assert!(unfinished(&IndexConfig::new(2, "two").with_windows(10.0, 5.0)).rows(7).is_empty());
        assert!(unfinished(&config.clone().with_windows(10.0, 1.0)).rows(7).is_empty());
        let file = kept.file(7);
        let bytes = fs::read(&file).unwrap();
        for cut in [0, 5, bytes.len() - 1] {
            fs::write(&file, &bytes[..cut]).unwrap();
            assert!(kept.rows(7).is_empty(), "{cut}");
        }
        kept.write(7, &[1.0, 0.0]).unwrap();
        kept.remove([7, 9]);
        assert!(kept.rows(7).is_empty());
        kept.clear();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
