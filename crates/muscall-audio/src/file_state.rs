//! What is known of a file's content without reading all of it.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// Most bytes that a probe reads; a file that is not longer is read as a whole.
const PROBE_BYTES: u64 = 64 << 10;
/// Bytes of it at the start of a file, where tags and headers are, and as many at the end.
const EDGE_BYTES: u64 = 16 << 10;
/// Places between them, evenly spread.
const PLACES: u64 = 4;
/// Bytes at each of those places.
const PLACE_BYTES: u64 = (PROBE_BYTES - 2 * EDGE_BYTES) / PLACES;

/// Size, times, inode and a probe of a file: enough to notice that it was replaced, even by a file of the same size and
/// modification time (unpacked from an archive, restored with its times), for the price of 64 KB.
///
/// A probe does not see a change that keeps the size and lies between the places it looks at. Such a change goes unnoticed
/// only if the modification time was put back as well; only a hash of the whole content can tell then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileState {
    /// Size.
    pub bytes: u64,
    /// When the content was last changed, in ns since 1970; anybody may set this time. 0 if it is unknown.
    pub modified_ns: u64,
    /// When content, name or permissions were last changed, in ns since 1970 (the `ctime` of Unix, which nobody can
    /// set). 0 where there is none.
    pub changed_ns: u64,
    /// Number of the file in its file system. 0 where there is none.
    pub inode: u64,
    /// Hash of the size and of at most 64 KB of the content. 0 if it was not taken.
    pub probe: u64,
}

/// What two states say about whether a file is still what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileComparison {
    /// It is: all stamps are equal, or size, modification time and probe are.
    Same,
    /// Size and modification time are equal, but `ctime` or inode differ or are unknown, and one of the states has no
    /// probe: take it with [`FileState::with_probe`] and compare again.
    ProbeNeeded,
    /// Size, modification time or probe differ. Where only the time does, the content may still be the same.
    Different,
}

impl FileState {
    /// Size, times and inode, without opening the file; the probe stays 0. Links are followed.
    ///
    /// # Errors
    /// If the file is not there or its folder may not be searched.
    pub fn stamps(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::from_metadata(&metadata))
    }

    /// The same with the probe. The stamps are older than what is read, so that a change in between shows the next time.
    ///
    /// # Errors
    /// If it is not a regular file, cannot be read, or becomes shorter meanwhile.
    pub fn with_probe(path: &Path) -> io::Result<Self> {
        // Opening a pipe could wait for ever.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
        }
        let mut file = File::open(path)?;
        let stamps = Self::from_metadata(&file.metadata()?);
        Ok(Self { probe: probe(&mut file, stamps.bytes)?, ..stamps })
    }

    /// Compares an earlier state with that of now.
    pub fn compare(&self, now: &Self) -> FileComparison {
        if (self.bytes, self.modified_ns) != (now.bytes, now.modified_ns) {
            return FileComparison::Different;
        }
        let known = self.changed_ns != 0 && self.inode != 0;
        if known && (self.changed_ns, self.inode) == (now.changed_ns, now.inode) {
            return FileComparison::Same;
        }
        match (self.probe, now.probe) {
            (0, _) | (_, 0) => FileComparison::ProbeNeeded,
            (before, now) if before == now => FileComparison::Same,
            _ => FileComparison::Different,
        }
    }

    fn from_metadata(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified_ns = modified.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        let (changed_ns, inode) = changed_and_inode(metadata);
        Self { bytes: metadata.len(), modified_ns, changed_ns, inode, probe: 0 }
    }
}

#[cfg(unix)]
fn changed_and_inode(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let changed_ns = i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec());
    (u64::try_from(changed_ns).unwrap_or_default(), metadata.ino())
}

#[cfg(not(unix))]
fn changed_and_inode(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// Never 0, which stands for a probe that was not taken.
fn probe(file: &mut (impl Read + Seek), bytes: u64) -> io::Result<u64> {
    let mut hash = Xxh3::new();
    hash.update(&bytes.to_le_bytes());
    let mut buffer = Vec::with_capacity(EDGE_BYTES as usize);
    for (start, length) in places(bytes) {
        file.seek(SeekFrom::Start(start))?;
        buffer.resize(length as usize, 0);
        file.read_exact(&mut buffer)?;
        hash.update(&buffer);
    }
    Ok(hash.digest().max(1))
}

/// Where a probe of a file of that size looks, and at how many bytes each.
fn places(bytes: u64) -> Vec<(u64, u64)> {
    if bytes <= PROBE_BYTES {
        return vec![(0, bytes)];
    }
    let between = bytes - 2 * EDGE_BYTES - PLACE_BYTES;
    let place = |i| (EDGE_BYTES + between / (2 * PLACES) * (2 * i + 1), PLACE_BYTES);
    let mut places = vec![(0, EDGE_BYTES)];
    places.extend((0..PLACES).map(place));
    places.push((bytes - EDGE_BYTES, EDGE_BYTES));
    places
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    /// A file of these bytes with a fixed modification time.
    fn write(path: &Path, content: &[u8]) {
        fs::write(path, content).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
    }

    fn file(dir: &tempfile::TempDir, content: &[u8]) -> PathBuf {
        let path = dir.path().join("a.wav");
        write(&path, content);
        path
    }

    #[test]
    fn a_file_of_equal_size_and_time_is_seen_to_be_another() {
        let dir = tempfile::tempdir().unwrap();
        for length in [1, 1000, 64 << 10, (64 << 10) + 1, 200_000, 3_000_000] {
            let content: Vec<u8> = (0..length).map(|i| (i * 7 % 251) as u8).collect();
            let path = file(&dir, &content);
            let before = FileState::with_probe(&path).unwrap();
            assert_eq!(before.compare(&FileState::with_probe(&path).unwrap()), FileComparison::Same);
            let other: Vec<u8> = content.iter().map(|x| x ^ 1).collect();
            let replacement = dir.path().join("new");
            write(&replacement, &other);
            fs::rename(&replacement, &path).unwrap();
            let stamps = FileState::stamps(&path).unwrap();
            assert_eq!((stamps.bytes, stamps.modified_ns), (before.bytes, before.modified_ns));
            assert_eq!(before.compare(&stamps), FileComparison::ProbeNeeded, "{length}");
            let after = FileState::with_probe(&path).unwrap();
            assert_eq!(before.compare(&after), FileComparison::Different, "{length}");
        }
    }

    #[test]
    fn a_copy_with_its_times_is_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let content = vec![3; 100_000];
        let path = file(&dir, &content);
        let before = FileState::with_probe(&path).unwrap();
        let copy = dir.path().join("copy");
        write(&copy, &content);
        assert_eq!(before.compare(&FileState::stamps(&copy).unwrap()), FileComparison::ProbeNeeded);
        assert_eq!(before.compare(&FileState::with_probe(&copy).unwrap()), FileComparison::Same);
    }

    #[test]
    fn a_state_without_stamps_of_unix_is_compared_by_its_probe() {
        let old = FileState { bytes: 5, modified_ns: 7, ..FileState::default() };
        let now = FileState { changed_ns: 9, inode: 11, ..old };
        assert_eq!(old.compare(&old), FileComparison::ProbeNeeded);
        assert_eq!(old.compare(&now), FileComparison::ProbeNeeded);
        assert_eq!(now.compare(&now), FileComparison::Same);
        assert_eq!(now.compare(&FileState { inode: 12, ..now }), FileComparison::ProbeNeeded);
        let [one, two] = [1, 2].map(|probe| FileState { probe, ..old });
        assert_eq!(one.compare(&one), FileComparison::Same);
        assert_eq!(one.compare(&two), FileComparison::Different);
        for other in [FileState { bytes: 6, ..now }, FileState { modified_ns: 8, ..now }] {
            assert_eq!(now.compare(&other), FileComparison::Different);
        }
    }

    #[test]
    fn a_probe_reads_64_kib_at_most_with_both_ends() {
        for bytes in [0, 1, 64 << 10, (64 << 10) + 1, 100_000, 10 << 20, u64::MAX / 2] {
            let places = places(bytes);
            assert!(places.iter().map(|place| place.1).sum::<u64>() <= PROBE_BYTES);
            assert!(places.iter().all(|(start, length)| start + length <= bytes));
            assert!(places.is_sorted());
            let (first, last) = (places[0], places[places.len() - 1]);
            assert_eq!((first.0, last.0 + last.1), (0, bytes));
        }
    }

    #[test]
    fn stamps_follow_links_and_tell_what_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, b"1234");
        let state = FileState::stamps(&path).unwrap();
        assert_eq!((state.bytes, state.modified_ns, state.probe), (4, 1_700_000_000_000_000_000, 0));
        assert_ne!(FileState::with_probe(&path).unwrap().probe, 0);
        #[cfg(unix)]
        {
            let link = dir.path().join("link");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            assert_eq!(FileState::stamps(&link).unwrap(), state);
            let now = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
            assert!(state.inode != 0 && state.changed_ns.abs_diff(now) < 3_600_000_000_000);
        }
        assert_eq!(FileState::stamps(&dir.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(FileState::with_probe(dir.path()).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
