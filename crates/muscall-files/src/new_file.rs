//! Files in progress: their names, and what is left of them when a program dies.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// What all names of files in progress begin with. Programs that look for music, models or tables pass over hidden files.
const PREFIX: &str = ".muscall-new-";
/// A file in progress that nobody has written to for so long belongs to a program that died. Folders are looked through
/// as often.
const STALE: Duration = Duration::from_hours(1);

/// Gives every file of this process a number of its own.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A file that has another name until it is whole; it is removed if it never is.
pub(crate) struct NewFile {
    path: PathBuf,
    is_kept: bool,
}

impl NewFile {
    /// Makes an empty file in a folder, under a name that no file has.
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        loop {
            let name = format!("{PREFIX}{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let path = folder.join(name);
            match File::create_new(&path) {
                Ok(_) => return Ok(Self { path, is_kept: false }),
                // Of a process with the same number, in another container or before this one.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the disk and gives the file its name, in place of what had it.
    pub(crate) fn rename(mut self, path: &Path) -> io::Result<()> {
        File::options().write(true).open(&self.path)?.sync_all()?;
        fs::rename(&self.path, path)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes what dead programs have left in a folder, unless that was done less than an hour ago: in a cache of a million
/// files a look takes a second.
pub(crate) fn remove_stale(folder: &Path) {
    static LOOKED: LazyLock<Mutex<HashMap<PathBuf, Instant>>> = LazyLock::new(Mutex::default);
    let now = Instant::now();
    let mut looked = LOOKED.lock().unwrap_or_else(PoisonError::into_inner);
    if looked.get(folder).is_some_and(|before| now.duration_since(*before) < STALE) {
        return;
    }
    looked.insert(folder.to_owned(), now);
    drop(looked);
    remove_older(folder, STALE);
}

/// A folder that cannot be listed, or a file that cannot be removed, is in nobody's way.
fn remove_older(folder: &Path, age: Duration) {
    let now = SystemTime::now();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| is_ours(&entry.file_name())) {
        // Of the entry itself: no link is followed.
        let is_stale = entry.metadata().is_ok_and(|found| {
            let since = found.modified().ok().and_then(|modified| now.duration_since(modified).ok());
            found.is_file() && since.is_some_and(|since| since >= age)
        });
        if is_stale {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether a name is that of a file in progress, to the last character.
fn is_ours(name: &OsStr) -> bool {
    let numbers = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(process, count)| is_number(process) && is_number(count))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ours_are_ours() {
        for ours in [".muscall-new-1-0", ".muscall-new-4194304-18446744073709551615"] {
            assert!(is_ours(OsStr::new(ours)), "{ours}");
        }
        for other in [
            "notes.new",
            ".muscall-new-",
            ".muscall-new-1",
            ".muscall-new-1-",
            ".muscall-new-1-2.txt",
            "muscall-new-1-2",
        ] {
            assert!(!is_ours(OsStr::new(other)), "{other}");
        }
        let folder = tempfile::tempdir().unwrap();
        let new = NewFile::create(folder.path()).unwrap();
        assert!(is_ours(new.path().file_name().unwrap()));
    }

    #[test]
    fn a_name_that_is_taken_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let next = COUNT.load(Ordering::Relaxed);
        let taken = |number| folder.path().join(format!("{PREFIX}{}-{number}", std::process::id()));
        // Other tests take numbers at the same time.
        (next..next + 100).for_each(|number| fs::write(taken(number), "another's").unwrap());
        let new = NewFile::create(folder.path()).unwrap();
        assert_eq!(fs::read(new.path()).unwrap(), b"");
        drop(new);
        assert!((next..next + 100).all(|number| fs::read(taken(number)).unwrap() == b"another's"));
    }
}
