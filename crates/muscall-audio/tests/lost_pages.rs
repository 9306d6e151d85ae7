//! Ogg files that have lost pages: silence stands where they were, and a file without its end says so.
#![allow(clippy::unwrap_used, missing_docs, dead_code)]

#[path = "made/ogg.rs"]
mod ogg;
#[path = "made/sound.rs"]
mod sound;

use std::fs;
use std::path::Path;

use muscall_audio::{Decoded, Repair};
use ogg::{page, pages, seal};
use sound::made;

/// Frames of a packet of Opus, and packets on a page.
const OPUS: i64 = 960;
const ON_A_PAGE: usize = 5;

fn read(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn granule(page: &[u8]) -> i64 {
    i64::from_le_bytes(page[6..14].try_into().unwrap())
}

/// The packets of pages on which none goes on.
fn packets(pages: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut packets = vec![Vec::new()];
    for page in pages {
        let segments = usize::from(page[26]);
        let mut at = 27 + segments;
        for &length in &page[27..27 + segments] {
            packets.last_mut().unwrap().extend(&page[at..at + usize::from(length)]);
            at += usize::from(length);
            if length < 255 {
                packets.push(Vec::new());
            }
        }
    }
    packets.pop();
    packets
}

/// A file of Opus on many small pages.
fn opus() -> Vec<Vec<u8>> {
    let first = pages(&read("tests/fixtures/sound.opus"));
    let end = granule(first.last().unwrap());
    let mut made = first[..2].to_vec();
    let music = packets(&first[2..]);
    let count = music.len().div_ceil(ON_A_PAGE);
    for (i, some) in music.chunks(ON_A_PAGE).enumerate() {
        let (kind, granule) = if i + 1 == count { (4, end) } else { (0, OPUS * (ON_A_PAGE * (i + 1)) as i64) };
        let mut page = page(kind, i as u32 + 2, granule, some);
        page[14..18].copy_from_slice(&first[0][14..18]);
        seal(&mut page);
        made.push(page);
    }
    made
}

fn vorbis() -> Vec<Vec<u8>> {
    pages(&read("../../demo/audio/000_0ad_Celtica.ogg"))
}

/// Where the one gap of a file is, whose ends are `settled` frames from what the decoder needs to hear again.
fn gap(name: &str, bytes: &[u8], whole: &[f32], settled: usize, near: f32) -> (u64, u64) {
    let file = made(name, bytes);
    let decoded = file.decode().unwrap();
    let samples = decoded.waveform.samples();
    let [Repair::GapFilled { at, frames }] = decoded.repairs[..] else { panic!("{:?}", decoded.repairs) };
    assert_eq!((samples.len(), file.count()), (whole.len(), whole.len()), "{:?}", decoded.repairs);
    let (from, to) = (at as usize, (at + frames) as usize);
    assert!(samples[..from] == whole[..from]);
    assert!(samples[from..to].iter().all(|x| *x == 0.0));
    let behind = (to + settled).min(whole.len());
    let off = samples[behind..].iter().zip(&whole[behind..]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off <= near, "{off} from {behind} on");
    file.has_equal_spans(samples, name);
    (at, frames)
}

/// What a lost page does, gone or damaged.
fn without(pages: &[Vec<u8>], lost: std::ops::Range<usize>) -> [Vec<u8>; 2] {
    let kept = pages.iter().enumerate().filter(|(i, _)| !lost.contains(i)).flat_map(|(_, page)| page.clone()).collect();
    let mut damaged = pages.to_vec();
    damaged[lost].iter_mut().for_each(|page| *page.last_mut().unwrap() ^= 0x10);
    [kept, damaged.concat()]
}

#[test]
fn the_silence_of_lost_pages_stands_where_they_were() {
    let pages = vorbis();
    let whole = made("a.ogg", &pages.concat()).decode().unwrap().waveform.into_samples();
    let third = pages.len() / 3;
    for lost in [third..third + 1, third..third + 3, 3..4, 10..11] {
        for bytes in without(&pages, lost.clone()) {
            let (at, frames) = gap("a.ogg", &bytes, &whole, 4096, 0.0);
            // Timestamps are off by parts of a block.
            assert!((at as i64).abs_diff(granule(&pages[lost.start - 1]).max(0)) <= 512, "{lost:?}: {at}");
            // The first block behind is needed for the second one.
            let length = granule(&pages[lost.end - 1]) - granule(&pages[lost.start - 1]);
            assert!((length - 512..=length + 4096).contains(&(frames as i64)), "{lost:?}: {frames} of {length}");
        }
    }
}

#[test]
fn opus_keeps_its_time_up_to_the_last_page() {
    let pages = opus();
    let whole = made("a.opus", &pages.concat()).decode().unwrap().waveform.into_samples();
    let skip = i64::from(u16::from_le_bytes([pages[0][38], pages[0][39]]));
    let page = OPUS * ON_A_PAGE as i64;
    for lost in [4..5, 6..8, pages.len() - 3..pages.len() - 2] {
        for bytes in without(&pages, lost.clone()) {
            let found = gap("a.opus", &bytes, &whole, 9600, 0.05);
            let expected = ((lost.start as i64 - 2) * page - skip, lost.len() as i64 * page);
            assert_eq!(found, (expected.0 as u64, expected.1 as u64), "{lost:?}");
        }
    }
}

#[test]
fn a_page_lost_before_the_last_one_is_missed() {
    for (name, pages) in [("a.ogg", vorbis()), ("a.opus", opus())] {
        let whole = made(name, &pages.concat()).decode().unwrap().waveform.len();
        let lost = pages.len() - 2;
        for bytes in without(&pages, lost..lost + 1) {
            let Decoded { waveform, repairs, .. } = made(name, &bytes).decode().unwrap();
            assert!(matches!(repairs[..], [Repair::GapFilled { .. }]), "{name}: {repairs:?}");
            assert_eq!(waveform.len(), whole, "{name}");
        }
    }
}

#[test]
fn a_file_without_its_end_says_so() {
    for (name, pages) in [("a.ogg", vorbis()), ("a.opus", opus())] {
        let (all, last) = (pages.concat(), pages.len() - 1);
        let whole = made(name, &all).decode().unwrap();
        assert_eq!(whole.repairs, [], "{name}");
        let [gone, damaged] = without(&pages, last..last + 1);
        for bytes in [gone, damaged, all[..all.len() / 2].to_vec(), all[..all.len() - 1].to_vec()] {
            let found = made(name, &bytes).decode().unwrap();
            let (samples, expected) = (found.waveform.samples(), whole.waveform.samples());
            assert!(samples.len() < expected.len() && samples == &expected[..samples.len()], "{name}");
            let at = samples.len() as u64;
            let is_said = matches!(found.repairs[..], [Repair::StreamEndedEarly { at: end, .. }] if end == at);
            assert!(is_said, "{name}: {:?} at {at}", found.repairs);
        }
        // Zeros behind it are none of it.
        assert_eq!(made(name, &[all, vec![0; 60]].concat()).decode().unwrap(), whole, "{name}");
    }
}
