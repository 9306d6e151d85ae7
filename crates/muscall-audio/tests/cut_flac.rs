//! FLAC files that were cut or joined without encoding them again, or that have lost frames: numbers start late, start
//! again or leave some out.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "made/flac.rs"]
mod flac;
#[path = "made/sound.rs"]
mod sound;

use flac::{frames, stream_info};
use muscall_audio::{AudioError, DecodeOptions, Repair, decode, probe};
use sound::{floats, made, noise};

const BLOCK: usize = 1152;
const FIXED: [u16; 2] = [BLOCK as u16; 2];
/// Of blocks that vary.
const VARIED: [usize; 5] = [1152, 192, 4608, 100, 2304];

/// A file of frames, whose header has the shortest and the longest block, and a length in samples.
fn file(frames: &[Vec<u8>], blocks: [u16; 2], total: u64) -> Vec<u8> {
    [b"fLaC".to_vec(), stream_info(blocks, total), frames.concat()].concat()
}

/// Frames of both kinds from a number on, with the header's block lengths.
fn both_kinds(samples: &[i16], late: u64) -> [(Vec<Vec<u8>>, [u16; 2]); 2] {
    let fixed = frames(samples, &[BLOCK], late, false);
    [(fixed, FIXED), (frames(samples, &VARIED, late * BLOCK as u64, true), [100, 4608])]
}

#[test]
fn a_late_start_is_no_silence() {
    let samples = noise(30_000);
    let whole = floats(&samples);
    for late in [0, 1, 5, 200, 3000, 5_000_000] {
        for (frames, blocks) in both_kinds(&samples, late) {
            let what = format!("{late} {blocks:?}");
            // As it is written by who cuts with care, by who keeps the header of the uncut file, and to a pipe.
            let sound = made("a.flac", &file(&frames, blocks, 30_000)).holds(&whole, &what);
            assert_eq!(sound.repairs, [], "{what}");
            let uncut = made("a.flac", &file(&frames, blocks, 1_000_000));
            let repairs = uncut.holds(&whole, &what).repairs;
            assert_eq!(repairs, [Repair::ShorterThanDeclared { declared: 1_000_000, found: 30_000 }], "{what}");
            assert_eq!(probe(&uncut.path, &DecodeOptions::default()).unwrap().declared_frames, None, "{what}");
            assert_eq!(made("a.flac", &file(&frames, blocks, 0)).holds(&whole, &what).repairs, [], "{what}");
        }
    }
}

#[test]
fn numbers_that_start_again_lose_nothing() {
    let samples = noise(60_000);
    let whole = floats(&samples);
    let (first, second) = samples.split_at(BLOCK * 20);
    for (before, after) in [(0, 0), (0, 5), (100, 3), (3, 100), (7, 7), (0, 4000)] {
        for kind in 0..2 {
            let [mut joined, others] = [(first, before), (second, after)].map(|(samples, late)| {
                let [fixed, varied] = both_kinds(samples, late);
                if kind == 0 { fixed } else { varied }
            });
            joined.0.extend(others.0);
            // The header of the first piece, and that of a file of which both are parts.
            for total in [first.len() as u64, 10_000_000] {
                let what = format!("{before} {after} {:?} {total}", joined.1);
                let found = made("a.flac", &file(&joined.0, joined.1, total)).holds(&whole, &what);
                assert!(!found.repairs.iter().any(|repair| matches!(repair, Repair::GapFilled { .. })), "{what}");
            }
        }
    }
}

#[test]
fn joined_files_are_read_to_the_end() {
    let samples = noise(40_000);
    let [(one, blocks), _] = both_kinds(&samples, 0);
    let one = file(&one, blocks, 40_000);
    // A tag in front, one at the end, and the file once more, as it is.
    let tag = [&b"ID3\x04\0\0\0\0\x01\x00"[..], &[0; 128]].concat();
    let joined = [&tag[..], &one, &tag, &one, b"APETAGEX", &[7; 40]].concat();
    let twice = floats(&[&samples[..], &samples[..]].concat());
    let repairs = made("a.flac", &joined).holds(&twice, "twice").repairs;
    assert_eq!(repairs, [Repair::LongerThanDeclared { declared: 40_000, found: 80_000 }]);
    // One of another rate ends it, and is named.
    let mut other = one.clone();
    other[4 + 4 + 10] ^= 1;
    let found = made("a.flac", &[one, other].concat()).decode().unwrap();
    assert_eq!(found.waveform.samples(), floats(&samples));
    assert!(matches!(found.repairs[..], [Repair::StreamEndedEarly { at: 40_000, .. }]), "{:?}", found.repairs);
}

#[test]
fn lost_frames_are_silence_of_their_length() {
    let samples = noise(60_000);
    for (kind, (frames, blocks)) in both_kinds(&samples, 0).into_iter().enumerate() {
        let lengths: Vec<usize> = if kind == 0 { vec![BLOCK] } else { VARIED.to_vec() };
        let starts: Vec<usize> = (0..frames.len()).map(|i| lengths.iter().cycle().take(i).sum()).collect();
        for (lost, damage) in [(10..11, false), (10..11, true), (15..29, false), (3..20, true), (0..4, true)] {
            let what = format!("{blocks:?} {lost:?} {damage}");
            let mut expected = floats(&samples);
            expected[starts[lost.start]..starts[lost.end]].fill(0.0);
            let mut damaged = frames.clone();
            // Bytes are gone from the midst of each of them, or all of them are.
            for frame in &mut damaged[lost.clone()] {
                drop(if damage { frame.splice(50..100, []) } else { frame.splice(.., []) });
            }
            let file = made("a.flac", &file(&damaged, blocks, 60_000));
            let gap = (starts[lost.start] as u64, (starts[lost.end] - starts[lost.start]) as u64);
            let repairs = file.holds(&expected, &what).repairs;
            assert_eq!(repairs, [Repair::GapFilled { at: gap.0, frames: gap.1 }], "{what}");
            let strict = decode(&file.path, &DecodeOptions::default().with_strict(true));
            assert!(matches!(strict, Err(AudioError::Strict { .. })), "{what}");
        }
    }
}

#[test]
fn a_piece_that_has_lost_frames_keeps_its_time() {
    let samples = noise(60_000);
    let [(mut frames, blocks), _] = both_kinds(&samples, 700);
    let mut expected = floats(&samples);
    expected[20 * BLOCK..22 * BLOCK].fill(0.0);
    frames[20].truncate(300);
    frames[21].clear();
    let repairs = made("a.flac", &file(&frames, blocks, 60_000)).holds(&expected, "damaged").repairs;
    assert_eq!(repairs, [Repair::GapFilled { at: 20 * BLOCK as u64, frames: 2 * BLOCK as u64 }]);
}

/// Long enough for frames to be searched for rather than counted.
#[test]
fn spans_of_long_files_are_those_of_the_whole() {
    let samples = noise(2_000_000);
    let whole = floats(&samples);
    for (kind, (frames, blocks)) in both_kinds(&samples, 0).into_iter().enumerate() {
        let what = format!("{blocks:?}");
        let sound = made("a.flac", &file(&frames, blocks, 2_000_000));
        assert_eq!(sound.holds(&whole, &what).repairs, []);
        assert_eq!(probe(&sound.path, &DecodeOptions::default()).unwrap().declared_frames, Some(2_000_000));
        // Three parts: the second is lost, one comes twice, or they stand in another order.
        let third = frames.len() / 3;
        let starts = [0, third, 2 * third, frames.len()];
        let lengths: &[usize] = if kind == 0 { &[BLOCK] } else { &VARIED };
        let sample = |frame: usize| lengths.iter().cycle().take(frame).sum::<usize>().min(samples.len());
        let part = |part: usize| frames[starts[part]..starts[part + 1]].concat();
        let heard = |part: usize| &whole[sample(starts[part])..sample(starts[part + 1])];
        let silence = vec![0.0; heard(1).len()];
        let gap = made("a.flac", &file(&[part(0), part(2)], blocks, 2_000_000));
        assert_eq!(gap.holds(&[heard(0), &silence, heard(2)].concat(), &what).repairs.len(), 1);
        for order in [[1, 0, 2], [0, 0, 2], [0, 2, 1]] {
            let turned = made("a.flac", &file(&order.map(part), blocks, 2_000_000));
            turned.holds(&order.map(heard).concat(), &format!("{blocks:?} {order:?}"));
        }
    }
}

/// Some writers do not fill in the lengths of blocks, or wrong ones.
#[test]
fn wrong_block_lengths_in_the_header_do_not_matter() {
    let samples = noise(20_000);
    for (frames, _) in both_kinds(&samples, 0) {
        for blocks in [[0, 0], [0, 4096], [1, 15], [16, 16], [4608, 65_535], [65_535, 16]] {
            let file = made("a.flac", &file(&frames, blocks, 20_000));
            assert_eq!(file.holds(&floats(&samples), &format!("{blocks:?}")).repairs, [], "{blocks:?}");
        }
    }
}

/// What a header says of the whole may be wrong, or left out by who wrote to a pipe: the frames are what counts.
#[test]
fn wrong_sizes_and_lengths_in_the_header_cost_no_frame() {
    let samples = noise(20_000);
    let whole = floats(&samples);
    for (frames, blocks) in both_kinds(&samples, 0) {
        let with = |at: usize, bytes: &[u8], total: u64| {
            let mut file = file(&frames, blocks, total);
            // Behind the marker and the block's head.
            file[8 + at..8 + at + bytes.len()].copy_from_slice(bytes);
            made("a.flac", &file)
        };
        // The smallest and the largest frame: none, turned round, far too large; a checksum of other samples.
        for sizes in [[0; 6], [0xff, 0xff, 0xff, 0, 0, 1], [0xff; 6]] {
            assert_eq!(with(4, &sizes, 20_000).holds(&whole, &format!("{sizes:?}")).repairs, []);
        }
        assert_eq!(with(18, &[0xa5; 16], 20_000).holds(&whole, "checksum").repairs, []);
        // Lengths: unknown, too small by more than a block, too large.
        assert_eq!(with(4, &[0; 6], 0).holds(&whole, "unknown").repairs, []);
        let found = with(4, &[0; 6], 1500).holds(&whole, "small").repairs;
        assert_eq!(found, [Repair::LongerThanDeclared { declared: 1500, found: 20_000 }]);
        let found = with(4, &[0; 6], 90_000).holds(&whole, "large").repairs;
        assert_eq!(found, [Repair::ShorterThanDeclared { declared: 90_000, found: 20_000 }]);
    }
}
