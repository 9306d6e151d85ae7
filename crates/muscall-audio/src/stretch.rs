//! A stretch of a file, read as if it were all of it.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::sync::Arc;

/// A file, or the stretch of one that a member of an archive takes up. Clones read on their own: each has its position.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    held: Held,
    /// Where it begins there.
    from: u64,
    bytes: u64,
    position: u64,
}

/// What it is read from.
#[derive(Debug, Clone)]
enum Held {
    File(Arc<File>),
    Memory(Arc<[u8]>),
}

impl Stretch {
    /// All of a file.
    pub(crate) fn whole(file: File) -> io::Result<Self> {
        let bytes = file.metadata()?.len();
        Ok(Self::of(Arc::new(file), 0, bytes))
    }

    /// So many bytes of a file from a place on. Beyond the end of the file there is nothing to be read.
    pub(crate) fn of(file: Arc<File>, from: u64, bytes: u64) -> Self {
        Self { held: Held::File(file), from, bytes, position: 0 }
    }

    /// Bytes that are in memory.
    pub(crate) fn of_memory(bytes: Vec<u8>) -> Self {
        let length = bytes.len() as u64;
        Self { held: Held::Memory(bytes.into()), from: 0, bytes: length, position: 0 }
    }

    /// How long it is.
    pub(crate) fn len(&self) -> u64 {
        self.bytes
    }
}

impl Read for Stretch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.bytes.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let (buffer, at) = (&mut buffer[..wanted], self.from.saturating_add(self.position));
        let read = match &self.held {
            Held::File(file) => read_at(file, buffer, at)?,
            Held::Memory(bytes) => {
                let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
                (&mut &*rest).read(buffer)?
            }
        };
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Stretch {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(offset) => self.bytes.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = place.ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}

#[cfg(not(any(unix, windows)))]
fn read_at(mut file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    file.seek(SeekFrom::Start(at))?;
    file.read(buffer)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_stretch_is_read_like_a_file_of_its_own() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before the middle behind").unwrap();
        is_the_middle(Stretch::of(Arc::new(file), 7, 10));
        is_the_middle(Stretch::of_memory(b"the middle".to_vec()));
    }

    fn is_the_middle(mut stretch: Stretch) {
        let mut other = stretch.clone();
        let mut text = String::new();
        stretch.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), stretch.len(), stretch.stream_position().unwrap()), ("the middle", 10, 10));
        assert_eq!(stretch.seek(SeekFrom::End(-6)).unwrap(), 4);
        text.clear();
        other.read_to_string(&mut text).unwrap();
        assert_eq!(text, "the middle", "a clone has a position of its own");
        let mut three = [0; 3];
        stretch.read_exact(&mut three).unwrap();
        assert_eq!(&three, b"mid");
        assert!(stretch.seek(SeekFrom::Current(-8)).is_err(), "before the start");
        stretch.seek(SeekFrom::Start(11)).unwrap();
        assert_eq!(stretch.read(&mut three).unwrap(), 0, "behind the end");
    }

    #[test]
    fn a_file_that_became_shorter_ends_where_it_does() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"short").unwrap();
        let mut bytes = Vec::new();
        Stretch::of(Arc::new(file), 2, 100).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"ort");
    }
}
