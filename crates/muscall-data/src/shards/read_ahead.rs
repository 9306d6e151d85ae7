//! A file elsewhere, read through as few requests as its headers need.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use muscall_audio::RemoteFile;

/// Asked for at a place that was jumped to: a few headers and a text.
const FIRST: u64 = 8 << 10;
/// The most that is asked for at once.
const MOST: u64 = 1 << 20;
/// A shorter jump is not worth a request of its own: what lies between is read, too.
const SHORT: u64 = 32 << 10;

/// A stretch of a file elsewhere. What is read in order is asked for in requests that grow; where a reader jumps on, as from one
/// header of a tar file to the next, only a little is asked for.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    file: Arc<dyn RemoteFile>,
    stretch: Range<u64>,
    /// In the file.
    position: u64,
    buffer: Vec<u8>,
    /// Where the buffer begins in the file.
    buffered_at: u64,
    /// Bytes of the last request.
    window: u64,
    failure: Option<io::Error>,
}

impl ReadAhead {
    pub(crate) fn new(file: Arc<dyn RemoteFile>, stretch: Range<u64>) -> Self {
        let (position, buffer) = (stretch.start, Vec::new());
        Self { file, stretch, position, buffer, buffered_at: position, window: FIRST / 2, failure: None }
    }

    /// Why the last request came to nothing, if it did: a reader that does not know where it reads takes that for damage.
    pub(crate) fn into_failure(self) -> Option<io::Error> {
        self.failure
    }

    /// What is in the buffer from the position on.
    fn buffered(&self) -> &[u8] {
        let skipped = self.position.checked_sub(self.buffered_at).and_then(|skipped| usize::try_from(skipped).ok());
        skipped.and_then(|skipped| self.buffer.get(skipped..)).unwrap_or_default()
    }

    fn fill(&mut self) -> io::Result<()> {
        let end = self.buffered_at + self.buffer.len() as u64;
        let jump = self.position.checked_sub(end);
        self.window = match jump {
            Some(jump) if jump <= SHORT => (self.window * 2).min(MOST),
            _ => FIRST,
        };
        let wanted = self.position..self.stretch.end.min(self.position + self.window);
        match self.file.read(wanted) {
            Ok(bytes) => {
                (self.buffer, self.buffered_at) = (bytes, self.position);
                Ok(())
            }
            Err(error) => {
                let told = io::Error::new(error.kind(), error.to_string());
                self.failure = Some(error);
                Err(told)
            }
        }
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.stretch.end || buffer.is_empty() {
            return Ok(0);
        }
        if self.buffered().is_empty() {
            self.fill()?;
        }
        let read = self.buffered().read(buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for ReadAhead {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => self.stretch.start.checked_add(place),
            SeekFrom::End(offset) => self.stretch.end.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        let place = place.filter(|place| *place >= self.stretch.start);
        self.position = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position - self.stretch.start)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::shards::elsewhere::Elsewhere;

    fn numbered(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|i| (i % 251) as u8).collect()
    }

    #[test]
    fn a_stretch_is_read_in_requests_that_grow() {
        let bytes = numbered(5 << 20);
        let file = Arc::new(Elsewhere::new("s3://music/a.tar", bytes.clone()));
        let mut read = Vec::new();
        ReadAhead::new(file.clone(), 100..4 << 20).read_to_end(&mut read).unwrap();
        assert!(read == bytes[100..4 << 20]);
        let requests = file.take_requests();
        assert_eq!(requests[..3], [100..8292, 8292..24_676, 24_676..57_444]);
        assert!(requests.len() <= 12 && requests.iter().all(|range| range.end - range.start <= MOST), "{requests:?}");
    }

    #[test]
    fn a_jump_asks_for_little_and_a_short_one_for_no_more_requests() {
        let bytes = numbered(10 << 20);
        let file = Arc::new(Elsewhere::new("s3://music/a.tar", bytes.clone()));
        let mut reader = ReadAhead::new(file.clone(), 0..10 << 20);
        let mut header = [0; 512];
        for place in 0..10 {
            reader.seek(SeekFrom::Start(place << 20)).unwrap();
            reader.read_exact(&mut header).unwrap();
            assert_eq!(header[..], bytes[(place as usize) << 20..][..512]);
        }
        let asked: u64 = file.take_requests().iter().map(|range| range.end - range.start).sum();
        assert_eq!(asked, 10 * FIRST);
        // Four hundred headers with little between them.
        for place in 0..400_u64 {
            reader.seek(SeekFrom::Start(place * 8000)).unwrap();
            reader.read_exact(&mut header).unwrap();
            assert_eq!(header[..], bytes[place as usize * 8000..][..512]);
        }
        assert!(file.take_requests().len() < 15);
        assert!(reader.seek(SeekFrom::Current(-(20 << 20))).is_err());
        assert_eq!(reader.seek(SeekFrom::End(0)).unwrap(), 10 << 20);
        assert_eq!(reader.read(&mut header).unwrap(), 0);
    }

    #[test]
    fn a_request_that_fails_is_told_from_an_end() {
        let file = Arc::new(Elsewhere::new("s3://music/a.tar", numbered(1000)));
        file.fail_behind(0, io::ErrorKind::Other);
        let mut reader = ReadAhead::new(file, 0..1000);
        assert!(reader.read(&mut [0]).is_err());
        assert_eq!(reader.into_failure().unwrap().kind(), io::ErrorKind::Other);
    }
}
