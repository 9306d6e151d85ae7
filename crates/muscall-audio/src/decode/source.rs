//! The bytes of a file, with defects mended that readers stumble over.

use crate::stretch::Stretch;
use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

use super::flac::Layout;
use super::samples::{self, Samples};

/// A file without the ID3v1 tag at its end, in which some readers see audio and before which others
/// lose some; with a header of our own before plain samples; and with sizes of FLAC's blocks and frames that none exceeds.
pub(super) struct AudioFile {
    file: Stretch,
    /// Of the file, without the tag.
    pub(super) bytes: u64,
    /// If it is FLAC.
    pub(super) flac: Option<Layout>,
    /// If it is nothing else.
    pub(super) samples: Option<Samples>,
    position: u64,
    /// What stands in the place of all that comes before `from`.
    head: Vec<u8>,
    from: u64,
    end: u64,
    patches: Vec<Patch>,
}

/// Bytes that stand in the place of others.
struct Patch {
    at: u64,
    bytes: Vec<u8>,
}

impl AudioFile {
    const TAG: u64 = 128;

    pub(super) fn new(mut file: Stretch, bytes: u64) -> io::Result<Self> {
        let mut untagged = bytes;
        if bytes > Self::TAG {
            let mut tag = [0; 3];
            file.seek(SeekFrom::Start(bytes - Self::TAG))?;
            file.read_exact(&mut tag)?;
            if &tag == b"TAG" {
                untagged = bytes - Self::TAG;
            }
        }
        let samples = samples::find(&mut file, untagged)?;
        let mut patches = if samples.is_some() { Vec::new() } else { streamed_wav(&mut file, untagged)? };
        let flac = Layout::read(&mut file, 0)?;
        if let Some(layout) = &flac {
            patches.push(Patch { at: layout.sizes, bytes: layout.any_sizes(&mut file)?.to_vec() });
        }
        let (head, from, end) = match &samples {
            Some(samples) => (samples::header(samples), samples.at, samples.at + samples.length),
            None => (Vec::new(), 0, untagged),
        };
        file.rewind()?;
        Ok(Self { file, bytes: untagged, flac, samples, position: 0, head, from, end, patches })
    }

    /// Of what its reader sees.
    fn length(&self) -> u64 {
        self.head.len() as u64 + self.end - self.from
    }
}

/// The sizes of a WAV of compressed samples: that of the whole as unknown, since it may be wrong, and that of its `data`
/// chunk where its writer wrote to a pipe and left 0 or close to 4 GiB.
fn streamed_wav(file: &mut Stretch, bytes: u64) -> io::Result<Vec<Patch>> {
    const MOST_CHUNKS: usize = 64;
    const UNKNOWN: u32 = 0xffff_ff00;
    let mut head = [0; 12];
    file.rewind()?;
    if bytes < 44 || file.read_exact(&mut head).is_err() || !head.starts_with(b"RIFF") || !head.ends_with(b"WAVE") {
        return Ok(Vec::new());
    }
    let patch = |at, size: u32| Patch { at, bytes: size.to_le_bytes().to_vec() };
    let mut patches = vec![patch(4, u32::MAX)];
    let mut at = head.len() as u64;
    for _ in 0..MOST_CHUNKS {
        let mut chunk = [0; 8];
        if at + 8 > bytes {
            break;
        }
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut chunk)?;
        let [a, b, c, d, size @ ..] = chunk;
        let size = u32::from_le_bytes(size);
        if [a, b, c, d] == *b"data" {
            let left = u32::try_from(bytes - at - 8).unwrap_or(u32::MAX);
            let is_unknown = left > 0 && (size == 0 || size >= UNKNOWN && size > left);
            patches.extend(is_unknown.then(|| patch(at + 4, left)));
            break;
        }
        at += 8 + u64::from(size) + u64::from(size % 2);
    }
    Ok(patches)
}

impl Read for AudioFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let before = self.head.len() as u64;
        if let Some(head) =
            usize::try_from(self.position).ok().and_then(|at| self.head.get(at..)).filter(|head| !head.is_empty())
        {
            let count = head.len().min(buffer.len());
            buffer[..count].copy_from_slice(&head[..count]);
            self.position += count as u64;
            return Ok(count);
        }
        let left = self.length().saturating_sub(self.position);
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let position = self.position - before + self.from;
        // Others read the same file, which has one position.
        self.file.seek(SeekFrom::Start(position))?;
        let read = self.file.read(&mut buffer[..wanted])?;
        for patch in &self.patches {
            for (at, byte) in (patch.at..).zip(&patch.bytes) {
                let place = at.checked_sub(position).and_then(|place| usize::try_from(place).ok());
                if let Some(place) = place.filter(|&place| place < read) {
                    buffer[place] = *byte;
                }
            }
        }
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for AudioFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(to) => to,
            SeekFrom::End(offset) => self.length().saturating_add_signed(offset),
            SeekFrom::Current(offset) => self.position.saturating_add_signed(offset),
        };
        self.position = to;
        Ok(to)
    }
}

impl MediaSource for AudioFile {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length())
    }
}
