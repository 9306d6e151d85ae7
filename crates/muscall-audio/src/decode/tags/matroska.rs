//! The title of a Matroska or WebM file. It is no tag but a field of the segment, which symphonia 0.6.1 leaves out.

use std::io::{self, Read, Seek, SeekFrom};

const HEADER: u64 = 0x1a45_dfa3;
const SEGMENT: u64 = 0x1853_8067;
const INFO: u64 = 0x1549_a966;
const TITLE: u64 = 0x7ba9;
/// Most elements that are looked at: the title comes before the music.
const MOST_ELEMENTS: usize = 1000;
/// Most bytes of a title that are read.
const MOST_BYTES: u64 = 4096;

/// Nothing of what is no Matroska, or is damaged before its title.
pub(super) fn title(file: &mut (impl Read + Seek), bytes: u64) -> io::Result<Option<String>> {
    let (mut at, mut end) = (0, bytes);
    for count in 0..MOST_ELEMENTS {
        let Some((id, size, content)) = element(file, at, end)? else { return Ok(None) };
        if (count == 0) != (id == HEADER) {
            return Ok(None);
        }
        match (id, size) {
            // A segment that was written to a pipe does not know its size.
            (SEGMENT | INFO, size) => {
                (at, end) = (content, size.map_or(end, |size| content.saturating_add(size).min(end)));
            }
            (TITLE, Some(size)) => {
                let mut text = Vec::new();
                file.seek(SeekFrom::Start(content))?;
                file.by_ref().take(size.min(MOST_BYTES).min(end - content)).read_to_end(&mut text)?;
                return Ok(Some(String::from_utf8_lossy(&text).trim_end_matches('\0').to_owned()));
            }
            (_, Some(size)) => at = content.saturating_add(size),
            (_, None) => return Ok(None),
        }
    }
    Ok(None)
}

/// The identity of an element, its size if it has one, and where its content starts.
fn element(file: &mut (impl Read + Seek), at: u64, end: u64) -> io::Result<Option<(u64, Option<u64>, u64)>> {
    if at >= end {
        return Ok(None);
    }
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.by_ref().take(12.min(end - at)).read_to_end(&mut head)?;
    let Some((id, first)) = number(&head) else { return Ok(None) };
    let Some((size, second)) = number(&head[first..]) else { return Ok(None) };
    // An identity keeps the bit that tells its length; of a size it is taken away, and all ones mean that there is none.
    let ones = (1 << (7 * second)) - 1;
    let size = size & ones;
    Ok(Some((id, (size != ones).then_some(size), at + (first + second) as u64)))
}

/// A number and how many bytes it takes, which is one more than the zeros that it starts with.
fn number(bytes: &[u8]) -> Option<(u64, usize)> {
    let length = bytes.first()?.leading_zeros() as usize + 1;
    let bytes = bytes.get(..length).filter(|_| length <= 8)?;
    Some((bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)), length))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn element(id: u64, content: &[u8]) -> Vec<u8> {
        let id: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|&byte| byte == 0).collect();
        [&id[..], &[0x40, content.len() as u8], content].concat()
    }

    fn read(bytes: &[u8]) -> Option<String> {
        title(&mut Cursor::new(bytes), bytes.len() as u64).unwrap()
    }

    #[test]
    fn the_title_of_a_segment_is_found() {
        let header = element(HEADER, b"\x42\x82\x84webm");
        let info = element(INFO, &[element(0x4d80, b"muxer"), element(TITLE, "Ænima\0".as_bytes())].concat());
        let segment = [element(0xec, &[0; 20]), info.clone()].concat();
        let whole = [header.clone(), element(SEGMENT, &segment)].concat();
        assert_eq!(read(&whole).as_deref(), Some("Ænima"));
        // Of unknown size.
        let piped = [&header[..], &SEGMENT.to_be_bytes()[4..], &[0xff], &segment].concat();
        assert_eq!(read(&piped).as_deref(), Some("Ænima"));
        assert_eq!(read(&info), None);
        assert_eq!(read(&[header.clone(), element(SEGMENT, &element(INFO, b"\x4d\x80\x81x"))].concat()), None);
        for length in 0..whole.len() {
            let found = read(&whole[..length]);
            assert!(found.is_none_or(|found| "Ænima".starts_with(found.trim_end_matches('\u{fffd}'))), "{length}");
        }
        for at in 0..whole.len() {
            for byte in [0, 1, 0x40, 0xff] {
                let mut changed = whole.clone();
                changed[at] = byte;
                read(&changed);
            }
        }
    }
}
