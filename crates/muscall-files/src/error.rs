//! Which file could not be read or written, and why.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::io;
use std::path::{Path, PathBuf};

use crate::missing;

/// A file or folder could not be read or written.
///
/// # Example
/// ```
/// use std::fs;
/// use std::path::Path;
///
/// use muscall_files::FileError;
///
/// let path = Path::new("nowhere/notes.txt");
/// let error = fs::read(path).map_err(FileError::reading(path)).unwrap_err();
/// assert!(error.to_string().starts_with("nowhere/notes.txt: cannot be read: "));
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{path}: cannot be {access}: {source}; {}", self.remedy())]
#[non_exhaustive]
pub struct FileError {
    /// The file or folder.
    pub path: PathBuf,
    /// What was being done to it.
    pub access: Access,
    /// What the system says.
    pub source: io::Error,
}

/// What was being done to a file when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// It was opened, read or looked at.
    Read,
    /// It was made, written, renamed or removed.
    Write,
}

impl FileError {
    /// For `map_err`, where a path is opened, read or looked at.
    pub fn reading(path: &Path) -> impl Fn(io::Error) -> Self + Copy + '_ {
        move |source| Self { path: path.to_owned(), access: Access::Read, source }
    }

    /// For `map_err`, where a path is made, written, renamed or removed.
    pub fn writing(path: &Path) -> impl Fn(io::Error) -> Self + Copy + '_ {
        move |source| Self { path: path.to_owned(), access: Access::Write, source }
    }
}

impl FileError {
    /// What to do; where nothing is at the path, what may be meant.
    fn remedy(&self) -> Cow<'static, str> {
        let is_missing = self.access == Access::Read && self.source.kind() == io::ErrorKind::NotFound;
        let meant = is_missing.then(|| missing::remedy(&self.path)).flatten();
        meant.map_or_else(|| self.access.remedy().into(), Cow::from)
    }
}

impl Access {
    fn remedy(self) -> &'static str {
        match self {
            Self::Read => "check the path and its permissions",
            Self::Write => "check the path, its permissions and the space on the disk",
        }
    }
}

impl Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "written",
        })
    }
}
