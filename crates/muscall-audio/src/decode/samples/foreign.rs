//! The codec of a WAV, a Wave64 or an AIFF-C whose samples are not plain.

use std::io;

use super::chunks::{self, behind, content, read};
use super::codecs::{lettered, numbered};
use super::riff::NUMBERED;
use crate::stretch::Stretch;

/// Numbers in WAV of what is decoded: plain samples, two kinds of ADPCM, A-law and mu-law.
const READ: [u16; 6] = [1, 2, 3, 6, 7, 0x11];

/// What it is called; None of what has a reader, or is another kind of file.
pub(in crate::decode) fn foreign(file: &mut Stretch) -> io::Result<Option<String>> {
    let names = (read::<4>(file, 0)?, read::<4>(file, 8)?);
    match names {
        (
            Some([b'R', b'I', b'F', b'F'] | [b'R', b'F', b'6', b'4'] | [b'B', b'W', b'6', b'4']),
            Some([b'W', b'A', b'V', b'E']),
        ) => wave(file),
        (Some([b'r', b'i', b'f', b'f']), _) => wave64(file),
        (Some([b'F', b'O', b'R', b'M']), Some([b'A', b'I', b'F', b'C'])) => aiff(file),
        _ => Ok(None),
    }
}

fn of_format(format: &[u8]) -> Option<String> {
    let two = |at: usize| format.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]));
    let number = match two(0)? {
        0xfffe if format.get(26..40)? == NUMBERED => two(24)?,
        number => number,
    };
    (!READ.contains(&number) && number != 0xfffe).then(|| numbered(number))
}

fn wave(file: &mut Stretch) -> io::Result<Option<String>> {
    let mut at = 12;
    for _ in 0..chunks::MOST {
        let Some([a, b, c, d, size @ ..]) = read::<8>(file, at)? else { break };
        let size = u64::from(u32::from_le_bytes(size));
        if [a, b, c, d] == *b"fmt " {
            return Ok(of_format(&content(file, at + 8, size, 40)?));
        }
        at = behind(file, at + 8, size)?;
    }
    Ok(None)
}

fn wave64(file: &mut Stretch) -> io::Result<Option<String>> {
    let mut at = 40_u64;
    for _ in 0..chunks::MOST {
        let Some(head) = read::<24>(file, at)? else { break };
        let size = head.last_chunk().map_or(0, |size| u64::from_le_bytes(*size));
        if head.starts_with(b"fmt ") {
            return Ok(of_format(&content(file, at + 24, size.saturating_sub(24), 40)?));
        }
        let Some(next) = at.checked_add(size.max(24)).and_then(|next| next.checked_next_multiple_of(8)) else { break };
        at = next;
    }
    Ok(None)
}

fn aiff(file: &mut Stretch) -> io::Result<Option<String>> {
    const PLAIN: [&[u8; 4]; 11] =
        [b"none", b"twos", b"sowt", b"in24", b"in32", b"42ni", b"23ni", b"raw ", b"fl32", b"fl64", b"ulaw"];
    let mut at = 12;
    for _ in 0..chunks::MOST {
        let Some([a, b, c, d, size @ ..]) = read::<8>(file, at)? else { break };
        let size = u64::from(u32::from_be_bytes(size));
        if [a, b, c, d] == *b"COMM" {
            let Some(letters) = read::<4>(file, at + 8 + 18)? else { break };
            let is_plain = PLAIN.contains(&&letters.map(|letter| letter.to_ascii_lowercase()));
            return Ok((!is_plain && !letters.eq_ignore_ascii_case(b"alaw")).then(|| lettered(letters)));
        }
        at = behind(file, at + 8, size)?;
    }
    Ok(None)
}
