//! Sheets in the comments of FLAC files.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Longest block of comments that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Shorter files hold no album; most songs are far shorter, and are not opened.
const ALBUM_BYTES: u64 = 128 << 20;
/// Most blocks before the sound that are gone through.
const MAX_BLOCKS: usize = 128;

/// The sheet of a file.
pub(super) fn sheet(path: &Path) -> Option<Vec<u8>> {
    if !may_hold_an_album(path) {
        return None;
    }
    let comments = comments(&mut File::open(path).ok()?).ok()??;
    comment(&comments, b"CUESHEET=").map(<[u8]>::to_vec)
}

/// Whether a FLAC file is long enough for an album, by its size.
fn may_hold_an_album(path: &Path) -> bool {
    let is_flac = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("flac") || extension.eq_ignore_ascii_case("fla"));
    is_flac && fs::metadata(path).is_ok_and(|metadata| metadata.len() >= ALBUM_BYTES)
}

/// The block of comments of a FLAC file.
fn comments(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let mut mark = [0; 4];
    file.read_exact(&mut mark)?;
    if mark != *b"fLaC" {
        return Ok(None);
    }
    for _ in 0..MAX_BLOCKS {
        let mut header = [0; 4];
        file.read_exact(&mut header)?;
        let bytes = u32::from_be_bytes([0, header[1], header[2], header[3]]);
        if header[0] & 0x7f == 4 && u64::from(bytes) <= MAX_BYTES {
            let mut block = vec![0; bytes as usize];
            file.read_exact(&mut block)?;
            return Ok(Some(block));
        }
        if header[0] & 0x80 != 0 {
            return Ok(None);
        }
        file.seek(SeekFrom::Current(i64::from(bytes)))?;
    }
    Ok(None)
}

/// The value of a comment with this name, in any case.
fn comment<'a>(block: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (mut rest, mut take) = (block, None);
    let field = |rest: &mut &'a [u8]| {
        let (length, after) = rest.split_at_checked(4)?;
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        let (value, after) = after.split_at_checked(length)?;
        *rest = after;
        Some(value)
    };
    let _vendor = field(&mut rest)?;
    let (count, after) = rest.split_at_checked(4)?;
    rest = after;
    for _ in 0..u32::from_le_bytes(count.try_into().ok()?) {
        let value = field(&mut rest)?;
        if value.len() > name.len() && value[..name.len()].eq_ignore_ascii_case(name) {
            take = Some(&value[name.len()..]);
            break;
        }
    }
    take
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn block(comments: &[&str]) -> Vec<u8> {
        let field = |text: &str| [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
        let count = (comments.len() as u32).to_le_bytes().to_vec();
        let mut bytes = [field("an encoder"), count].concat();
        comments.iter().for_each(|comment| bytes.extend(field(comment)));
        bytes
    }

    #[test]
    fn a_comment_is_found_by_its_name() {
        let block = block(&["TITLE=CUESHEET=no", "cuesheet=FILE", "CUESHEET=other"]);
        assert_eq!(comment(&block, b"CUESHEET="), Some(&b"FILE"[..]));
        assert_eq!(comment(&block, b"COMPOSER="), None);
        // Cut anywhere, and with lengths that lie.
        assert!((0..block.len()).all(|end| comment(&block[..end], b"COMPOSER=").is_none()));
        assert_eq!(comment(&[0xff; 40], b"CUESHEET="), None);
    }

    #[test]
    fn long_files_alone_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("album.flac");
        let comments = block(&["CUESHEET=FILE"]);
        let mut bytes = b"fLaC\x01\0\0\x02--\x84\0\0".to_vec();
        bytes.push(comments.len() as u8);
        bytes.extend(comments);
        fs::write(&path, &bytes).unwrap();
        assert_eq!(sheet(&path), None);
        File::options().write(true).open(&path).unwrap().set_len(ALBUM_BYTES).unwrap();
        assert_eq!(sheet(&path).as_deref(), Some(&b"FILE"[..]));
        fs::rename(&path, dir.path().join("album.mp3")).unwrap();
        assert_eq!(sheet(&dir.path().join("album.mp3")), None);
    }
}
