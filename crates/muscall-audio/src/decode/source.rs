//! The bytes of a file, with defects mended that readers stumble over.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

use super::flac::Layout;

/// A file without the ID3v1 tag at its end, in which some readers see audio and before which others
/// lose some; with the true size of a WAV's `data` chunk where its writer did not know it; and with sizes of FLAC's
/// blocks that no frame exceeds.
pub(super) struct AudioFile {
    file: File,
    /// Without the tag.
    pub(super) bytes: u64,
    /// If it is FLAC.
    pub(super) flac: Option<Layout>,
    position: u64,
    patches: Vec<Patch>,
}

/// Bytes that stand in the place of others.
struct Patch {
    at: u64,
    bytes: [u8; 4],
}

impl AudioFile {
    const TAG: u64 = 128;

    pub(super) fn new(mut file: File, bytes: u64) -> io::Result<Self> {
        let mut untagged = bytes;
        if bytes > Self::TAG {
            let mut tag = [0; 3];
            file.seek(SeekFrom::Start(bytes - Self::TAG))?;
            file.read_exact(&mut tag)?;
            if &tag == b"TAG" {
                untagged = bytes - Self::TAG;
            }
        }
        let mut patches = streamed_wav(&mut file, untagged)?;
        let flac = Layout::read(&mut file, 0)?;
        if let Some(layout) = &flac {
            patches.push(Patch { at: layout.block_sizes, bytes: layout.any_block_sizes(&mut file)? });
        }
        file.rewind()?;
        Ok(Self { file, bytes: untagged, flac, position: 0, patches })
    }
}

/// The sizes of a WAV that was written to a pipe and of its `data` chunk: such files say 0, or close to 4 GiB.
fn streamed_wav(file: &mut File, bytes: u64) -> io::Result<Vec<Patch>> {
    const MOST_CHUNKS: usize = 64;
    const UNKNOWN: u32 = 0xffff_ff00;
    let mut head = [0; 12];
    file.rewind()?;
    if bytes < 44 || file.read_exact(&mut head).is_err() || !head.starts_with(b"RIFF") || !head.ends_with(b"WAVE") {
        return Ok(Vec::new());
    }
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
            let unknown = left > 0 && (size == 0 || size >= UNKNOWN && size > left);
            if !unknown {
                break;
            }
            let whole = u32::try_from(bytes - 8).unwrap_or(u32::MAX);
            let patch = |at, size: u32| Patch { at, bytes: size.to_le_bytes() };
            return Ok(vec![patch(4, whole), patch(at + 4, left)]);
        }
        at += 8 + u64::from(size) + u64::from(size % 2);
    }
    Ok(Vec::new())
}

impl Read for AudioFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.bytes.saturating_sub(self.position);
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.file.read(&mut buffer[..wanted])?;
        for patch in &self.patches {
            for (at, byte) in (patch.at..).zip(patch.bytes) {
                let place = at.checked_sub(self.position).and_then(|place| usize::try_from(place).ok());
                if let Some(place) = place.filter(|&place| place < read) {
                    buffer[place] = byte;
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
            SeekFrom::End(offset) => SeekFrom::Start(self.bytes.saturating_add_signed(offset)),
            other => other,
        };
        self.position = self.file.seek(to)?;
        Ok(self.position)
    }
}

impl MediaSource for AudioFile {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.bytes)
    }
}
