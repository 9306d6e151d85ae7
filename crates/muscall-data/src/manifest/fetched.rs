//! A row whose audio is in memory.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muscall_audio::{FileState, Place, RemoteFile};

use super::row::{Row, Stored};

/// The part of an archive that has been asked for.
#[derive(Debug)]
struct Fetched {
    address: PathBuf,
    /// Of the archive.
    state: FileState,
    /// Where the bytes begin in it.
    at: u64,
    bytes: Vec<u8>,
}

impl RemoteFile for Fetched {
    fn address(&self) -> &Path {
        &self.address
    }

    fn state(&self) -> FileState {
        self.state
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let place = |at: u64| usize::try_from(at.checked_sub(self.at)?).ok();
        let bytes = place(range.start).zip(place(range.end)).and_then(|(start, end)| self.bytes.get(start..end));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }
}

impl Row {
    /// The row for whoever reads its audio several times: from a bucket it comes once, and stays in memory as long as this row
    /// is there. One that does not come is asked for again when it is read, which says why.
    pub fn fetched(&self) -> Cow<'_, Self> {
        let Some(Stored { archive: Place::Remote(file), at, bytes }) = &self.stored else { return Cow::Borrowed(self) };
        let (at, bytes, state) = (*at, *bytes, file.state());
        let Some(end) = at.checked_add(bytes).filter(|end| *end <= state.bytes) else { return Cow::Borrowed(self) };
        let Ok(read) = file.read(at..end) else { return Cow::Borrowed(self) };
        let held = Fetched { address: file.address().to_owned(), state, at, bytes: read };
        let stored = Stored { archive: Place::Remote(Arc::new(held)), at, bytes };
        Cow::Owned(Self { stored: Some(stored), ..self.clone() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::shards::elsewhere::Elsewhere;

    #[test]
    fn audio_that_is_read_several_times_is_asked_for_once() {
        let file = Arc::new(Elsewhere::new("s3://music/a.tar", b"before the middle behind".to_vec()));
        let stored = Stored { archive: Place::Remote(file.clone()), at: 7, bytes: 10 };
        let row = Row { stored: Some(stored), ..Row::new("a", "s3://music/a.tar/a.wav", vec!["x".into()]) };
        let fetched = row.fetched();
        assert_eq!(*fetched, row);
        for _ in 0..3 {
            let mut text = String::new();
            fetched.bytes().unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "the middle");
        }
        assert!(matches!(&*file.take_requests(), [range] if *range == (7..17)));
        file.fail_behind(0, ErrorKind::NotFound);
        assert!(row.fetched().bytes().unwrap().read(&mut [0]).is_err());
        assert!(matches!(Row::new("a", "a.wav", Vec::new()).fetched(), Cow::Borrowed(_)));
    }
}
