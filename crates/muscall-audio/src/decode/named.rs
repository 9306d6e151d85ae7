//! The names of formats that are not read, by how files of them begin.

use crate::stretch::Stretch;
use std::io::{self, Read, Seek, SeekFrom};

use super::id3::id3_bytes;

/// Where the letters of formats of music and films stand, and what these are called.
const MUSIC: [(usize, &[u8], &str); 36] = [
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"MPCK", "Musepack"),
    (0, b"MP+", "Musepack"),
    (0, b"TTA1", "True Audio"),
    (0, b"TTA2", "True Audio"),
    (0, b"tBaK", "TAK"),
    (0, b"OFR ", "OptimFROG"),
    (0, b"ajkg", "Shorten"),
    (0, b"DSD ", "DSD"),
    (0, b"FRM8", "DSD"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media"),
    (0, b".RMF", "RealMedia"),
    (0, b".ra\xfd", "RealAudio"),
    (0, b"#!AMR", "AMR"),
    (0, b"\x7f\xfe\x80\x01", "DTS"),
    (0, b"\xfe\x7f\x01\x80", "DTS"),
    (0, b"\x0b\x77", "Dolby Digital"),
    (0, b"caff", "Core Audio with compressed samples"),
    (0, b".snd", "Sun's audio format with compressed samples"),
    (0, b"dns.", "Sun's audio format in its little-endian form"),
    (0, b"MThd", "MIDI (notes without sound)"),
    (0, b"FLV\x01", "Flash video"),
    (8, b"AVI ", "AVI"),
    (28, b"Speex   ", "Speex"),
    (0, b"Creative Voice File", "Creative Voice"),
    (8, b"8SVX", "8SVX, the Amiga's samples"),
    (8, b"16SV", "16SV, the Amiga's samples"),
    (0, b"\x64\xa3\x01\0", "IRCAM"),
    (0, b"\x64\xa3\x02\0", "IRCAM"),
    (0, b"\0\x01\xa3\x64", "IRCAM"),
    (0, b"\0\x02\xa3\x64", "IRCAM"),
    (0, b"NIST_1A", "NIST Sphere"),
    (0, b"\xc0\xde\xc2", "Codec 2"),
    (4, b"ftypaax ", "Audible"),
    (4, b"ftypM4P ", "protected AAC"),
];
/// Bytes from the start that are looked at: three frames of a broadcast at a usual rate.
const STARTS: u64 = 4096;
/// Of what is no music.
const OTHERS: [(usize, &[u8], &str); 6] = [
    (0, b"\x89PNG\r\n\x1a\n", "PNG, a picture"),
    (0, b"\xff\xd8\xff", "JPEG, a picture"),
    (0, b"GIF8", "GIF, a picture"),
    (0, b"%PDF-", "PDF, a document"),
    (0, b"PK\x03\x04", "ZIP, an archive"),
    (0, b"\x1f\x8b\x08", "gzip, an archive"),
];

/// The name of what a file holds behind tags of ID3v2, if it is one of these. Goes back to the start.
pub(super) fn named(file: &mut Stretch) -> io::Result<Option<&'static str>> {
    let start = behind_id3(file)?;
    Ok(among(&MUSIC, &start).or_else(|| among(&OTHERS, &start)).or_else(|| streamed(&start)))
}

/// The same of music and films alone.
pub(crate) fn named_music(file: &mut Stretch) -> io::Result<Option<&'static str>> {
    let start = behind_id3(file)?;
    Ok(among(&MUSIC, &start).or_else(|| streamed(&start)))
}

/// Formats for broadcasts, which begin with no letters: what they are shows in what follows at a fixed distance.
fn streamed(start: &[u8]) -> Option<&'static str> {
    let is_packet = |at: usize| start.get(at) == Some(&0x47);
    if [0, 188, 376].into_iter().all(is_packet) {
        return Some("an MPEG transport stream");
    }
    let frame = |at: usize| match start.get(at..at + 3) {
        Some(&[0x56, second, third]) if second & 0xe0 == 0xe0 => {
            Some(at + 3 + (usize::from(second & 0x1f) << 8 | usize::from(third)))
        }
        _ => None,
    };
    let third = frame(0).and_then(frame).and_then(frame);
    third.map(|_| "AAC in LATM")
}

/// The first bytes behind tags of ID3v2.
fn behind_id3(file: &mut Stretch) -> io::Result<Vec<u8>> {
    let (mut at, mut start) = (0, read(file, 0)?);
    while let Some(bytes) = id3_bytes(&start) {
        at += bytes;
        start = read(file, at)?;
    }
    file.rewind()?;
    Ok(start)
}

fn among(formats: &[(usize, &[u8], &'static str)], start: &[u8]) -> Option<&'static str> {
    let is = |place: usize, letters: &[u8]| start.get(place..).is_some_and(|rest| rest.starts_with(letters));
    formats.iter().find(|(place, letters, _)| is(*place, letters)).map(|(_, _, name)| *name)
}

fn read(file: &mut Stretch, at: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(STARTS).read_to_end(&mut bytes)?;
    Ok(bytes)
}
