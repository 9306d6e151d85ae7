//! Sound files of every format: what they hold, and spans of them against the whole.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use muscall_audio::{AudioError, DecodeOptions, count_frames, decode, probe};

const FILES: [(&str, &str, u32, u16); 13] = [
    ("sound.wav", "pcm_s16le", 16_000, 2),
    ("sound.aiff", "pcm_s16be", 16_000, 2),
    ("sound.mp3", "mp3", 44_100, 2),
    ("no_tag.mp3", "mp3", 44_100, 2),
    ("sound.flac", "flac", 22_050, 1),
    ("sound.ogg", "vorbis", 44_100, 2),
    ("sound.m4a", "aac", 44_100, 2),
    ("alac.m4a", "alac", 16_000, 1),
    ("sound.opus", "opus", 48_000, 2),
    ("sound.webm", "opus", 48_000, 2),
    ("sound.mka", "vorbis", 44_100, 2),
    ("opus.mp4", "opus", 48_000, 2),
    ("aac.mka", "aac", 44_100, 2),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name)
}

fn bits(samples: &[f32]) -> Vec<u32> {
    samples.iter().map(|x| x.to_bits()).collect()
}

/// The mean of the two channels that the fixtures were encoded from.
fn sound(t: f64) -> f64 {
    let tau = std::f64::consts::TAU;
    let left = 0.4 * (tau * (200.0 + 300.0 * t) * t).sin() + 0.1 * (tau * 1234.5 * t).sin();
    let right = 0.3 * (tau * (900.0 - 250.0 * t) * t).sin();
    (left + right) / 2.0
}

#[test]
fn every_format_says_what_it_is() {
    for (name, codec, sample_rate, channels) in FILES {
        let decoded = decode(&fixture(name), &DecodeOptions::default().with_strict(true)).unwrap();
        let info = &decoded.info;
        assert_eq!((info.codec.as_str(), info.sample_rate, info.channels), (codec, sample_rate, channels), "{name}");
        assert_eq!(decoded.waveform.sample_rate(), sample_rate, "{name}");
        assert_eq!(probe(&fixture(name), &DecodeOptions::default()).unwrap().codec, codec);
        let peak = decoded.waveform.peak();
        assert!((0.2..0.6).contains(&peak), "{name}: {peak}");
    }
}

#[test]
fn decoded_sound_is_the_sound_that_was_encoded() {
    // What the lossy encoders leave at these rates.
    for (name, tolerance) in [
        ("sound.wav", 2e-3),
        ("sound.aiff", 2e-3),
        ("sound.mp3", 0.04),
        ("sound.ogg", 0.03),
        ("sound.m4a", 0.06),
        ("sound.opus", 0.04),
        ("sound.webm", 0.04),
        ("sound.mka", 0.03),
        ("opus.mp4", 0.04),
    ] {
        let decoded = decode(&fixture(name), &DecodeOptions::default()).unwrap();
        let rate = f64::from(decoded.waveform.sample_rate());
        let samples = decoded.waveform.samples();
        let middle = samples.len() / 4..samples.len() * 3 / 4;
        let worst = middle.map(|n| (f64::from(samples[n]) - sound(n as f64 / rate)).abs()).fold(0.0, f64::max);
        assert!(worst < tolerance, "{name}: {worst}");
    }
}

#[test]
fn gapless_lengths_are_right() {
    for (name, frames) in [
        ("sound.wav", 6400),
        ("sound.aiff", 6400),
        ("sound.mp3", 52_920),
        ("sound.flac", 15_435),
        ("sound.ogg", 52_920),
        ("sound.m4a", 52_920),
        ("alac.m4a", 8000),
        ("sound.opus", 57_600),
        // Matroska says how much of the last packet is padding in an element that symphonia 0.6.1 leaves out.
        ("sound.webm", 58_248),
        ("sound.mka", 53_824),
        ("opus.mp4", 57_600),
    ] {
        assert_eq!(decode(&fixture(name), &DecodeOptions::default()).unwrap().waveform.len(), frames, "{name}");
    }
}

#[test]
fn a_span_is_that_part_of_the_whole_bit_for_bit() {
    for (name, ..) in FILES {
        let whole = decode(&fixture(name), &DecodeOptions::default()).unwrap().waveform.into_samples();
        let n = whole.len();
        for (start, frames) in
            [(0, 100), (1, 700), (n / 3, 2000), (n / 2, n), (n * 3 / 4 + 1, 1111), (n - 1, 1), (n - 700, 5000), (n, 10)]
        {
            let options = DecodeOptions::default().with_span(start as u64, frames as u64);
            let span = decode(&fixture(name), &options).unwrap();
            let end = (start + frames).min(n);
            assert_eq!(bits(span.waveform.samples()).len(), end - start, "{name} {start}+{frames}");
            assert!(bits(span.waveform.samples()) == bits(&whole[start..end]), "{name} {start}+{frames}");
            assert!(span.repairs.is_empty(), "{name} {start}+{frames}: {:?}", span.repairs);
        }
    }
}

/// The pages of an Ogg file as those of another stream.
fn with_serial(ogg: &[u8], serial: u32) -> Vec<u8> {
    let mut bytes = ogg.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let segments = usize::from(bytes[at + 26]);
        let body: usize = bytes[at + 27..at + 27 + segments].iter().map(|&length| usize::from(length)).sum();
        let page = &mut bytes[at..at + 27 + segments + body];
        page[14..18].copy_from_slice(&serial.to_le_bytes());
        page[22..26].fill(0);
        let checksum = page.iter().fold(0_u32, |sum, &byte| {
            (0..8).fold(
                sum ^ u32::from(byte) << 24,
                |sum, _| {
                    if sum >> 31 == 1 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 }
                },
            )
        });
        page[22..26].copy_from_slice(&checksum.to_le_bytes());
        at += 27 + segments + body;
    }
    bytes
}

#[test]
fn chained_streams_follow_each_other_without_padding_between() {
    let folder = tempfile::tempdir().unwrap();
    // A file behind itself has streams of one number.
    for (name, serial) in [("sound.opus", Some(77)), ("sound.ogg", Some(77)), ("sound.opus", None), ("sound.ogg", None)]
    {
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        let whole = decode(&fixture(name), &DecodeOptions::default()).unwrap().waveform.into_samples();
        let twice = folder.path().join(name);
        let other = serial.map_or(bytes.clone(), |serial| with_serial(&bytes, serial));
        bytes.extend(other);
        std::fs::write(&twice, bytes).unwrap();
        let found = decode(&twice, &DecodeOptions::default()).unwrap().waveform.into_samples();
        assert_eq!(found.len(), 2 * whole.len(), "{name}");
        assert!(bits(&found) == bits(&whole.repeat(2)), "{name}");
        assert_eq!(count_frames(&twice, &DecodeOptions::default()).unwrap(), found.len() as u64, "{name}");
        // Ends before, within, and behind what was the padding of the first.
        for frames in [1000, 1001, 1300, 1648, 1700, 3000] {
            let across = DecodeOptions::default().with_span(whole.len() as u64 - 1000, frames as u64);
            let span = decode(&twice, &across).unwrap().waveform.into_samples();
            assert!(bits(&span) == bits(&found[whole.len() - 1000..][..frames]), "{name} {frames}");
        }
    }
}

#[test]
fn content_decides_and_not_the_extension() {
    let folder = tempfile::tempdir().unwrap();
    for (name, ..) in FILES {
        let whole = decode(&fixture(name), &DecodeOptions::default()).unwrap();
        for other in ["noext", "A B\n.WAV", "x.mp3", "x.flac", "x.ogg", "x.txt", "x.npy"] {
            let path = folder.path().join(other);
            std::fs::copy(fixture(name), &path).unwrap();
            let copy = decode(&path, &DecodeOptions::default()).unwrap();
            assert!(bits(copy.waveform.samples()) == bits(whole.waveform.samples()), "{name} as {other}");
        }
    }
}

fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(data);
    bytes
}

fn decode_bytes(bytes: &[u8], options: &DecodeOptions) -> Result<Vec<f32>, AudioError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    std::fs::write(&path, bytes).unwrap();
    decode(&path, options).map(|decoded| decoded.waveform.into_samples())
}

#[test]
fn arrays_of_numpy_in_every_order() {
    let floats = [0.5_f32, -0.25, 0.125, 1.0];
    let little: Vec<u8> = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
    let big: Vec<u8> = floats.iter().flat_map(|x| x.to_be_bytes()).collect();
    let doubles: Vec<u8> = floats.iter().flat_map(|&x| f64::from(x).to_le_bytes()).collect();
    let integers: Vec<u8> = [16_384_i16, -8192].iter().flat_map(|x| x.to_be_bytes()).collect();
    let whole = DecodeOptions::default();
    assert_eq!(decode_bytes(&npy("<f4", "False", "(4,)", &little), &whole).unwrap(), floats);
    assert_eq!(decode_bytes(&npy(">f4", "False", "(4,)", &big), &whole).unwrap(), floats);
    assert_eq!(decode_bytes(&npy("<f8", "True", "(4,)", &doubles), &whole).unwrap(), floats);
    assert_eq!(decode_bytes(&npy(">i2", "False", "(2,)", &integers), &whole).unwrap(), [0.5, -0.25]);
    assert_eq!(decode_bytes(&npy("<f4", "False", "(2, 2)", &little), &whole).unwrap(), [0.3125, 0.375]);
    assert_eq!(decode_bytes(&npy("<f4", "True", "(2, 2)", &little), &whole).unwrap(), [0.125, 0.5625]);
    let span = DecodeOptions::default().with_span(1, 9);
    assert_eq!(decode_bytes(&npy("<f4", "True", "(2, 2)", &little), &span).unwrap(), [0.5625]);
    assert_eq!(decode_bytes(&npy("<f4", "False", "(4,)", &little), &span).unwrap(), floats[1..]);
}

#[test]
fn other_arrays_are_refused() {
    let data = [0; 16];
    for (descr, shape) in [
        ("|O", "(4,)"),
        ("<f2", "(8,)"),
        ("<c8", "(2,)"),
        ("<f4", "()"),
        ("<f4", "(3, 1)"),
        ("<f4", "(1, 2, 2)"),
        ("<f4", "(5,)"),
        ("<f4", "(18446744073709551615,)"),
        ("<f4", "(2, 4611686018427387904)"),
        ("<f4", "(-1,)"),
    ] {
        let error = decode_bytes(&npy(descr, "False", shape, &data), &DecodeOptions::default()).unwrap_err();
        assert!(matches!(error, AudioError::Npy { .. }), "{descr} {shape}: {error}");
        assert!(error.to_string().contains("a.npy"));
    }
}
