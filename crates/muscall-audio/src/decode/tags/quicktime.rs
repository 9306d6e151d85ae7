//! The texts of a QuickTime file, which lie beside what iTunes writes, and which nobody else reads here.

use std::io::{self, Read, Seek, SeekFrom};

/// Most boxes that are looked at.
const MOST_BOXES: usize = 1 << 12;
/// Most bytes of a text that are read.
const MOST_BYTES: u64 = 4096;

/// Names of boxes, behind their first byte, and of tags.
const TEXTS: [(&[u8; 3], &str); 8] = [
    (b"nam", "title"),
    (b"ART", "artist"),
    (b"alb", "album"),
    (b"wrt", "composer"),
    (b"com", "composer"),
    (b"gen", "genre"),
    (b"day", "year"),
    (b"trk", "track"),
];

/// What the bytes from 128 on meant on a Mac.
const MAC_LETTERS: &str = "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø\
    ¿¡¬√ƒ≈∆«»…\u{a0}ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\u{f8ff}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ";

/// Nothing of what is no QuickTime, or is damaged before its texts.
pub(super) fn texts(file: &mut (impl Read + Seek), bytes: u64) -> io::Result<Vec<(&'static str, String)>> {
    let mut found = Vec::new();
    let (mut at, mut end) = (0, bytes);
    for count in 0..MOST_BOXES {
        let mut head = Vec::new();
        file.seek(SeekFrom::Start(at))?;
        file.by_ref().take(16.min(end.saturating_sub(at))).read_to_end(&mut head)?;
        let Some((&[a, b, c, d, e, f, g, h], long)) = head.split_first_chunk::<8>() else { break };
        let kind = [e, f, g, h];
        let (size, header) = match (u32::from_be_bytes([a, b, c, d]), long.first_chunk::<8>()) {
            (0, _) => (end - at, 8),
            (1, Some(&size)) => (u64::from_be_bytes(size), 16),
            (size, _) => (u64::from(size), 8),
        };
        let next = at.saturating_add(size);
        if (count == 0 && kind != *b"ftyp") || size < header || next > end {
            break;
        }
        let content = at + header;
        at = next;
        match kind {
            [b'm', b'o', b'o', b'v'] | [b'u', b'd', b't', b'a'] => (at, end) = (content, next),
            [0xa9, rest @ ..] => {
                let name = TEXTS.iter().find(|(known, _)| **known == rest).map(|(_, name)| *name);
                if let Some(name) = name {
                    let mut bytes = Vec::new();
                    file.seek(SeekFrom::Start(content))?;
                    file.by_ref().take(MOST_BYTES.min(next - content)).read_to_end(&mut bytes)?;
                    found.extend(text(&bytes).map(|text| (name, text)));
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// A length, a language, and the text itself.
fn text(bytes: &[u8]) -> Option<String> {
    let (&[a, b, _, _], rest) = bytes.split_first_chunk::<4>()?;
    let text = rest.get(..usize::from(u16::from_be_bytes([a, b])))?;
    Some(match str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => text.iter().map(|&byte| mac_letter(byte)).collect(),
    })
}

fn mac_letter(byte: u8) -> char {
    let letter = byte.checked_sub(128).and_then(|place| MAC_LETTERS.chars().nth(usize::from(place)));
    letter.unwrap_or(char::from(byte))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
    }

    fn told(kind: &[u8; 4], text: &[u8]) -> Vec<u8> {
        boxed(kind, &[&(text.len() as u16).to_be_bytes()[..], b"\x55\xc4", text].concat())
    }

    fn read(bytes: &[u8]) -> Vec<(&'static str, String)> {
        texts(&mut Cursor::new(bytes), bytes.len() as u64).unwrap()
    }

    #[test]
    fn texts_of_a_movie_are_found() {
        let user = [
            told(b"\xa9nam", "Größe".as_bytes()),
            told(b"\xa9swr", b"a program"),
            told(b"\xa9ART", b"caf\x8e"),
            told(b"\xa9day", b"1997-05-12"),
        ]
        .concat();
        let movie = boxed(b"moov", &[boxed(b"mvhd", &[0; 100]), boxed(b"udta", &user)].concat());
        let whole = [boxed(b"ftyp", b"qt  \0\0\0\0"), boxed(b"mdat", &[7; 50]), movie.clone()].concat();
        let expected = [("title", "Größe"), ("artist", "café"), ("year", "1997-05-12")];
        assert_eq!(read(&whole), expected.map(|(name, text)| (name, text.to_owned())));
        assert_eq!(read(&movie), []);
        for length in 0..whole.len() {
            let found = read(&whole[..length]);
            assert!(
                found.iter().zip(expected).all(|(found, (name, text))| found.0 == name && found.1 == text),
                "{length}"
            );
        }
        for at in 0..whole.len() {
            for byte in [0, 1, 0xff] {
                let mut changed = whole.clone();
                changed[at] = byte;
                read(&changed);
            }
        }
    }
}
