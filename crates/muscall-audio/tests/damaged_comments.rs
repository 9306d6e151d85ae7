//! Ogg files whose comments are damaged: the music is read, without tags. opusdec, oggdec and ffmpeg refuse most of them.
#![allow(clippy::unwrap_used, missing_docs, dead_code)]

#[path = "made/ogg.rs"]
mod ogg;
#[path = "made/sound.rs"]
mod sound;

use muscall_audio::{Repair, file_gains, file_tags};
use ogg::{page, pages, seal};
use sound::made;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

const FILES: [&str; 4] = [
    "sound.ogg",
    "sound.opus",
    "formats/opus-ogg-vorbis-comments-plain.opus",
    "formats/flac-ogg-vorbis-comments-plain.oga",
];

/// Where the comments start in the second page.
fn comments(page: &[u8]) -> usize {
    27 + usize::from(page[26])
}

#[test]
fn a_wrong_byte_is_found_by_the_checksum() {
    for name in FILES {
        let sound = fixture(name);
        let whole = made("a.ogg", &sound).decode().unwrap();
        let tags = file_tags(&made("a.ogg", &sound).path).unwrap();
        let pages = pages(&sound);
        let (start, text) = (pages[0].len(), comments(&pages[1]));
        for byte in [text, text + 9, text + 20, pages[1].len() - 1] {
            let mut file = sound.clone();
            file[start + byte] ^= 0x24;
            let file = made("a.ogg", &file);
            let decoded = file.decode().unwrap();
            assert!(decoded.waveform == whole.waveform, "{name}: {byte}");
            assert_eq!(decoded.repairs, [Repair::HeaderRestored], "{name}: {byte}");
            let found = file_tags(&file.path).unwrap();
            assert!(tags.iter().all(|tag| found.contains(tag)), "{name}: {byte}: {found:?} of {tags:?}");
        }
    }
}

#[test]
fn garbage_in_the_place_of_comments_is_left_out() {
    for name in FILES {
        let sound = fixture(name);
        let whole = made("a.ogg", &sound).decode().unwrap();
        let all = pages(&sound);
        let at = comments(&all[1]);
        for is_sealed in [false, true] {
            let mut damaged = all[1].clone();
            damaged[at + 4..at + 24].fill(0xff);
            if is_sealed {
                seal(&mut damaged);
            }
            let file = [&all[0], &damaged, &all[2..].concat()].map(Vec::as_slice).concat();
            let file = made("a.ogg", &file);
            let decoded = file.decode().unwrap_or_else(|error| panic!("{name}: {is_sealed}: {error}"));
            assert!(decoded.waveform == whole.waveform, "{name}: {is_sealed}");
            assert_eq!(decoded.repairs, [Repair::TagsLeftOut], "{name}: {is_sealed}");
            assert_eq!(file_tags(&file.path).unwrap(), [""; 0], "{name}: {is_sealed}");
        }
    }
}

/// A file of Opus with these comments.
fn opus(comments: &[&str]) -> Vec<u8> {
    let texts = comments.iter().flat_map(|text| [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat());
    let head = [&b"OpusTags"[..], &1_u32.to_le_bytes(), b"x", &(comments.len() as u32).to_le_bytes()].concat();
    let tags = head.into_iter().chain(texts).collect();
    let all = pages(&fixture("sound.opus"));
    let serial = all[0][14..18].to_vec();
    let mut second = page(0, 1, 0, &[tags]);
    second[14..18].copy_from_slice(&serial);
    seal(&mut second);
    [all[0].clone(), second, all[2..].concat()].concat()
}

#[test]
fn gains_of_opus_are_256th_of_a_decibel() {
    // mutagen 1.47.0 reads the same texts.
    let file = made(
        "a.opus",
        &opus(&["TITLE=a", "R128_TRACK_GAIN=-1803", "r128_album_gain=256", "REPLAYGAIN_TRACK_PEAK=0.5"]),
    );
    let gains = file_gains(&file.path).unwrap();
    assert_eq!((gains.r128_track_db, gains.r128_album_db), (Some(-1803.0 / 256.0), Some(1.0)));
    assert_eq!((gains.track_db, gains.track_peak), (None, Some(0.5)));
    assert_eq!(file_tags(&file.path).unwrap(), ["title=a"]);
}

#[test]
fn gains_of_an_mp3_are_found_in_either_of_its_tags() {
    let frame = |name: &str, text: &str| {
        let content = [&[3][..], name.as_bytes(), &[0], text.as_bytes()].concat();
        [&b"TXXX"[..], &(content.len() as u32).to_be_bytes(), &[0, 0], &content].concat()
    };
    let frames = [frame("replaygain_track_gain", "-7.03 dB"), frame("REPLAYGAIN_TRACK_PEAK", "0.988553")].concat();
    let id3 = [&b"ID3\x04\0\0\0\0"[..], &[(frames.len() >> 7) as u8, (frames.len() & 0x7f) as u8], &frames].concat();
    let item = |name: &str, text: &str| {
        [&(text.len() as u32).to_le_bytes()[..], &[0; 4], name.as_bytes(), &[0], text.as_bytes()].concat()
    };
    let items = [item("REPLAYGAIN_ALBUM_GAIN", "+1.50 dB"), item("REPLAYGAIN_ALBUM_PEAK", "1.000000")].concat();
    let head = |flags: u32| {
        let numbers = [2000, items.len() as u32 + 32, 2, flags].map(u32::to_le_bytes).concat();
        [&b"APETAGEX"[..], &numbers, &[0; 8]].concat()
    };
    let ape = [head(0xa000_0000), items.clone(), head(0x8000_0000)].concat();
    let gains = file_gains(&made("a.mp3", &[id3, fixture("no_tag.mp3"), ape].concat()).path).unwrap();
    assert_eq!((gains.track_db, gains.track_peak), (Some(-7.03), Some(0.988_553)));
    assert_eq!((gains.album_db, gains.album_peak), (Some(1.5), Some(1.0)));
    assert_eq!(file_gains(&made("a.mp3", &fixture("no_tag.mp3")).path).unwrap(), Default::default());
}
