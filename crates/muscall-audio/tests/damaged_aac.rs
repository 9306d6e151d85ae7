//! AAC of which some packets are damaged, and AAC that is not what its container says.
#![allow(clippy::unwrap_used, missing_docs, dead_code)]

#[path = "made/adts.rs"]
mod adts;
#[path = "made/mp4.rs"]
mod mp4;
#[path = "made/sound.rs"]
mod sound;

use std::fs;
use std::path::Path;

use adts::{framed, with_element};
use muscall_audio::{AudioError, Repair};
use sound::made;

const BLOCK: usize = 1024;
/// Low complexity, 44.1 kHz, two channels.
const CONFIG: [u8; 2] = [0x12, 0x10];

fn packets() -> Vec<Vec<u8>> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sound.m4a"));
    mp4::packets(&fs::read(path).unwrap())
}

fn stream(packets: &[Vec<u8>]) -> Vec<u8> {
    packets.iter().flat_map(|packet| framed(packet)).collect()
}

fn boxed(packets: &[Vec<u8>]) -> Vec<u8> {
    mp4::file(&mp4::mpeg_entry(0x40, &CONFIG), 44_100, packets, &vec![1024; packets.len()])
}

/// Whether some packets are silent, and all is in its place but for the one behind, which no other one overlaps.
fn lacks(name: &str, file: &[u8], whole: &[f32], lost: std::ops::Range<usize>, what: &str) {
    let found = made(name, file);
    let decoded = found.decode().unwrap();
    let samples = decoded.waveform.samples();
    assert_eq!((samples.len(), found.count()), (whole.len(), whole.len()), "{what}: {:?}", decoded.repairs);
    let (from, to) = (lost.start * BLOCK, lost.end * BLOCK);
    let gap = Repair::GapFilled { at: from as u64, frames: (to - from) as u64 };
    assert_eq!(decoded.repairs, [gap], "{what}");
    assert!(samples[..from] == whole[..from], "{what}: before");
    assert!(samples[from..to].iter().all(|x| *x == 0.0), "{what}: the gap");
    let behind = (to + BLOCK).min(whole.len());
    assert!(samples[behind..] == whole[behind..], "{what}: behind");
    found.has_equal_spans(samples, what);
}

#[test]
fn sound_files_are_whole_and_need_no_repair() {
    let packets = packets();
    let whole = made("a.m4a", &boxed(&packets)).decode().unwrap().waveform.into_samples();
    assert_eq!(whole.len(), packets.len() * BLOCK);
    let sound = stream(&packets);
    let tag = [&b"ID3\x04\0\0\0\0\x01\x00"[..], &[0; 128]].concat();
    let end = [&b"APETAGEX"[..], &[7; 40]].concat();
    let ape = [&b"APETAGEX"[..], &2000_u32.to_le_bytes(), &100_u32.to_le_bytes(), &[0; 16], &[9; 100]].concat();
    let middle: usize = packets[..5].iter().map(|packet| packet.len() + 7).sum();
    let checked: Vec<u8> = packets
        .iter()
        .flat_map(|packet| {
            // With a checksum, which nobody checks: two bytes more.
            let mut frame = framed(&[&[0; 2], &packet[..]].concat());
            frame[1] = 0xf0;
            frame
        })
        .collect();
    for file in [
        sound.clone(),
        [&tag[..], &sound].concat(),
        [&sound[..], &end].concat(),
        [&sound[..], &[0; 99]].concat(),
        // Two tags, tags between joined pieces, and a line's end that an editor or a script has left.
        [&tag[..], &tag, &sound].concat(),
        [&sound[..middle], &tag, &sound[middle..]].concat(),
        [&sound[..middle], &ape, &sound[middle..]].concat(),
        [&sound[..], b"\n"].concat(),
        [&sound[..], b"\r\n"].concat(),
        checked,
    ] {
        assert_eq!(made("a.aac", &file).holds(&whole, "sound").repairs, []);
    }
}

#[test]
fn a_damaged_header_costs_its_own_packet() {
    let packets = packets();
    let whole = made("a.aac", &stream(&packets)).decode().unwrap().waveform.into_samples();
    for lost in [1, 7, 20, packets.len() - 1] {
        let at: usize = packets[..lost].iter().map(|packet| packet.len() + 7).sum();
        // Sync, layer, rate, and lengths that are larger, smaller, and larger than the file.
        for (byte, bits) in
            [(0, 0x80), (1, 0x40), (1, 0x02), (2, 0x1c), (4, 0x01), (4, 0x02), (4, 0x08), (3, 0x02), (6, 0x03)]
        {
            let mut file = stream(&packets);
            file[at + byte] ^= bits;
            lacks("a.aac", &file, &whole, lost..lost + 1, &format!("{lost} {byte} {bits}"));
        }
    }
    // One is gone.
    let bytes: Vec<u8> = packets
        .iter()
        .enumerate()
        .flat_map(|(i, packet)| if i == 10 { vec![0; packet.len() + 7] } else { framed(packet) })
        .collect();
    lacks("a.aac", &bytes, &whole, 10..11, "zeros");
    // One is cut off.
    let sound = stream(&packets);
    lacks("a.aac", &sound[..sound.len() - 20], &whole, packets.len() - 1..packets.len(), "cut");
}

#[test]
fn the_first_header_alone_does_not_say_what_a_stream_is() {
    let packets = packets();
    let whole = made("a.aac", &stream(&packets)).decode().unwrap().waveform.into_samples();
    // As if it had a checksum.
    let mut file = stream(&packets);
    file[1] ^= 1;
    lacks("a.aac", &file, &whole, 0..1, "checksum");
    // One that was recorded from its middle on begins with the first whole packet.
    let decoded = made("a.aac", &stream(&packets)[20..]).decode().unwrap();
    assert_eq!((decoded.waveform.len(), decoded.repairs), (whole.len() - BLOCK, Vec::new()));
}

#[test]
fn a_damaged_packet_costs_itself_in_every_container() {
    let sound = packets();
    let whole = made("a.aac", &stream(&sound)).decode().unwrap().waveform.into_samples();
    for lost in [1, 15, sound.len() - 1] {
        // What no decoder knows here, another number of channels, an invalid window, and nothing at all.
        for start in [&[0xa0, 0x12][..], &[0x40, 0x55], &[0x00, 0xff], &[0x21, 0xff], &[]] {
            let mut packets = sound.clone();
            let tail = packets[lost].split_off(start.len().min(2));
            packets[lost] = if start.is_empty() { Vec::new() } else { [start, &tail].concat() };
            let what = format!("{lost} {start:x?}");
            lacks("a.m4a", &boxed(&packets), &whole, lost..lost + 1, &what);
            if !start.is_empty() {
                lacks("a.aac", &stream(&packets), &whole, lost..lost + 1, &what);
            }
        }
    }
}

#[test]
fn the_rate_is_that_of_the_stream_and_not_of_the_entry() {
    let packets = packets();
    // 48 kHz in the stream; the entry has no room for high rates, and some writers leave out what they can't say there.
    for entry in [0, 44_100, 48_000] {
        let file =
            mp4::file(&mp4::mpeg_entry_at(entry, 0x40, &[0x11, 0x90]), 48_000, &packets, &vec![1024; packets.len()]);
        let found = made("a.m4a", &file).decode().unwrap();
        assert_eq!((found.info.sample_rate, found.waveform.sample_rate()), (48_000, 48_000), "{entry}");
        assert_eq!((found.waveform.len(), &found.repairs[..]), (packets.len() * BLOCK, &[][..]), "{entry}");
    }
}

#[test]
fn half_of_a_spectrum_is_refused_by_name() {
    let sound = packets();
    let with = |bits: &str| sound.iter().map(|packet| with_element(packet, bits)).collect::<Vec<_>>();
    // Five bytes in a fill element: stuffing, and what makes the upper half.
    let (stuffed, half) = (
        with("110 0101 0000 0000 10100101 10100101 10100101 10100101"),
        with("110 0101 1101 0110 10100101 10100101 10100101 10100101"),
    );
    let whole = made("a.aac", &stream(&sound)).decode().unwrap().waveform.into_samples();
    assert_eq!(made("a.aac", &stream(&stuffed)).holds(&whole, "stuffed").repairs, []);
    let file = |config: &[u8]| mp4::file(&mp4::mpeg_entry(0x40, config), 44_100, &sound, &vec![1024; sound.len()]);
    for (name, file) in [
        ("a.aac", stream(&half)),
        ("a.m4a", boxed(&half)),
        // Said in front, said behind, and with a stereo picture.
        ("a.m4a", file(&[0x2b, 0x8a, 0x08, 0x00])),
        ("a.m4a", file(&[0x13, 0x90, 0x56, 0xe5, 0xa0])),
        ("a.m4a", file(&[0xeb, 0x8a, 0x08, 0x00])),
    ] {
        let refused = made(name, &file).decode().unwrap_err();
        assert!(matches!(refused, AudioError::UnsupportedCodec { .. }), "{refused}");
        assert!(refused.to_string().contains("HE-AAC"), "{refused}");
    }
    // Other profiles have other names.
    let mut main = stream(&sound);
    let mut at = 0;
    for packet in &sound {
        main[at + 2] &= 0x3f;
        at += packet.len() + 7;
    }
    assert!(made("a.aac", &main).decode().unwrap_err().to_string().contains("AAC Main"));
    assert!(made("a.m4a", &file(&[0xf9, 0x46, 0x40])).decode().unwrap_err().to_string().contains("xHE-AAC"));
}
