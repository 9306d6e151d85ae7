//! Files that are damaged, wrong or no audio: each gives sound samples or an error that names the file.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

use muscall_audio::{AudioError, DecodeOptions, Decoded, Repair, decode};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ENCODED: [&str; 8] =
    ["sound.wav", "sound.aiff", "sound.mp3", "no_tag.mp3", "sound.flac", "sound.ogg", "sound.m4a", "alac.m4a"];

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name)).unwrap()
}

/// Decodes bytes under a name, and checks what holds for every file.
fn read(name: &str, bytes: &[u8]) -> Result<Decoded, AudioError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    read_path(&path)
}

fn read_path(path: &Path) -> Result<Decoded, AudioError> {
    let result = decode(path, &DecodeOptions::default());
    match &result {
        Ok(decoded) => {
            assert!(!decoded.waveform.is_empty());
            assert!(decoded.waveform.samples().iter().all(|x| x.abs() <= 8.0));
            let strict = decode(path, &DecodeOptions::default().with_strict(true));
            assert_eq!(strict.is_err(), !decoded.repairs.is_empty(), "{:?}", decoded.repairs);
        }
        Err(error) => assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}"),
    }
    result
}

/// A WAV file of one kind of samples.
fn wav(format: u16, channels: u16, rate: u32, bits: u16, data: &[u8], declared: u32) -> Vec<u8> {
    let block = channels * (bits / 8);
    let mut bytes = b"RIFF".to_vec();
    bytes.extend(declared.saturating_add(36).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0");
    bytes.extend(format.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend(rate.wrapping_mul(u32::from(block)).to_le_bytes());
    bytes.extend(block.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(declared.to_le_bytes());
    bytes.extend(data);
    bytes
}

fn float_wav(samples: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
    wav(3, 1, 16_000, 32, &data, data.len() as u32)
}

fn tone(n: usize) -> Vec<f32> {
    (0..n).map(|i| 0.5 * (i as f32 * 0.1).sin()).collect()
}

#[test]
fn not_audio_at_all() {
    let text = "This is not audio. ".repeat(500);
    let junk: Vec<u8> = (0..20_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert!(matches!(read("a.mp3", b""), Err(AudioError::EmptyFile { .. })));
    for (name, bytes) in [
        ("a.mp3", text.as_bytes()),
        ("a.wav", b"RIFF"),
        ("a.flac", b"fLaC"),
        ("a.ogg", b"OggS"),
        ("a.npy", b"\x93NUMPY"),
        ("a", &junk),
        ("a.wav", &[0; 5000]),
        ("a.png", b"\x89PNG\r\n\x1a\n"),
    ] {
        assert!(read(name, bytes).is_err(), "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(read_path(folder.path()), Err(AudioError::NotAFile { .. })));
    assert!(matches!(read_path(&folder.path().join("none.wav")), Err(AudioError::Io { .. })));
}

#[cfg(unix)]
#[test]
fn odd_paths() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let loops = folder.path().join("loop.wav");
    std::os::unix::fs::symlink(&loops, &loops).unwrap();
    assert!(matches!(read_path(&loops), Err(AudioError::Io { .. })));
    assert!(matches!(read_path(Path::new("/dev/zero")), Err(AudioError::NotAFile { .. })));
    let name: PathBuf = folder.path().join(std::ffi::OsStr::from_bytes(b"\xff\xfe music.wav"));
    if fs::write(&name, fixture("sound.wav")).is_ok() {
        assert!(read_path(&name).unwrap().repairs.is_empty());
    }
}

#[test]
fn wav_headers_that_lie() {
    let data: Vec<u8> = (0..8000_i16).flat_map(i16::to_le_bytes).collect();
    for rate in [0, 1, u32::MAX] {
        assert!(read("a.wav", &wav(1, 1, rate, 16, &data, 16_000)).is_err(), "{rate}");
    }
    assert!(read("a.wav", &wav(1, 0, 16_000, 16, &data, 16_000)).is_err());
    assert!(read("a.wav", &wav(1, 1, 16_000, 0, &data, 16_000)).is_err());
    for declared in [0xFFFF_FFFF, 0] {
        let decoded = read("a.wav", &wav(1, 1, 16_000, 16, &data, declared));
        // A streamed WAV does not know its length: all of it is read.
        assert_eq!(decoded.unwrap().waveform.len(), 8000, "{declared}");
    }
    let short = read("a.wav", &wav(1, 1, 16_000, 16, &data, 100_000)).unwrap();
    assert_eq!(short.waveform.len(), 8000);
    assert!(matches!(short.repairs[..], [Repair::ShorterThanDeclared { declared: 50_000, found: 8000 }]));
    assert!(read("a.wav", &wav(1, 1, 16_000, 16, &[], 0)).is_err());
    let many = read("a.wav", &wav(1, 26, 16_000, 16, &data[..26 * 2 * 100], 26 * 2 * 100)).unwrap();
    assert_eq!((many.info.channels, many.waveform.len()), (26, 100));
}

#[test]
fn samples_that_cannot_be() {
    let mut samples = tone(4000);
    samples[10] = f32::NAN;
    samples[20] = f32::INFINITY;
    samples[30] = 1e38;
    let decoded = read("a.wav", &float_wav(&samples)).unwrap();
    assert_eq!(decoded.repairs, [Repair::SamplesScrubbed { count: 3 }]);
    assert_eq!(decoded.waveform.samples()[30], 0.0);
    let integers: Vec<f32> = tone(4000).iter().map(|x| x * 32_768.0).collect();
    let error = read("a.wav", &float_wav(&integers)).unwrap_err();
    assert!(matches!(error, AudioError::OutOfScale { .. }), "{error}");
    assert!(error.to_string().contains("32768"));
}

#[test]
fn truncated_files_say_so() {
    for name in ENCODED {
        let bytes = fixture(name);
        let whole = read(name, &bytes).unwrap();
        for part in [0.3, 0.5, 0.9] {
            let cut = (bytes.len() as f64 * part) as usize;
            let Ok(decoded) = read(name, &bytes[..cut]) else { continue };
            assert!(decoded.waveform.len() < whole.waveform.len(), "{name} {part}");
            // An mp3 without a tag does not say how long it was.
            if name != "no_tag.mp3" {
                assert!(!decoded.repairs.is_empty(), "{name} {part}");
            }
        }
        for header in [4, 12, 44, 100] {
            let _ = read(name, &bytes[..header]);
        }
    }
}

#[test]
fn a_file_of_nothing_but_nan_is_refused() {
    let refused = read("a.wav", &float_wav(&[f32::NAN; 4000]));
    assert!(matches!(refused, Err(AudioError::NotNumbers { .. })), "{refused:?}");
}

#[test]
fn an_id3_tag_after_the_end_costs_nothing() {
    for name in ["sound.flac", "sound.mp3", "sound.wav"] {
        let mut bytes = fixture(name);
        let whole = read(name, &bytes).unwrap();
        bytes.extend(b"TAG");
        bytes.extend([b' '; 125]);
        assert_eq!(read(name, &bytes).unwrap(), whole, "{name}");
    }
}

#[test]
fn lost_blocks_do_not_shift_what_follows() {
    // The Ogg has to be one of many pages. What follows a lost page is placed by the timestamps of the next, which are
    // off by a part of a block in a few of them: here by 224 frames, 10 ms.
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/audio/000_0ad_Celtica.ogg");
    let files =
        [("sound.flac", fixture("sound.flac"), 0.4, 0.55, 0), ("clip.ogg", fs::read(clip).unwrap(), 0.4, 0.6, 256)];
    for (name, bytes, from, to, off) in files {
        let whole = read(name, &bytes).unwrap().waveform.into_samples();
        let at = |part: f64| (bytes.len() as f64 * part) as usize;
        let mut cut = bytes[..at(from)].to_vec();
        cut.extend(&bytes[at(to)..]);
        let decoded = read(name, &cut).unwrap();
        assert!(!decoded.repairs.is_empty(), "{name}");
        let samples = decoded.waveform.into_samples();
        let tail = whole.len() - 500..whole.len() - 400;
        let found = (0..=off).any(|off| samples.get(tail.start + off..tail.end + off) == Some(&whole[tail.clone()]));
        assert!(found, "{name}");
    }
}

#[test]
fn joined_streams_are_never_cut_silently() {
    for (first, second) in [("sound.ogg", "sound.ogg"), ("sound.mp3", "sound.mp3"), ("no_tag.mp3", "no_tag.mp3")] {
        let alone = read(first, &fixture(first)).unwrap().waveform.len();
        let mut bytes = fixture(first);
        bytes.extend(fixture(second));
        let joined = read(first, &bytes).unwrap();
        assert!(joined.waveform.len() > alone * 3 / 2 || !joined.repairs.is_empty(), "{first}");
    }
}

#[test]
fn mp3_of_another_rate_is_converted_and_named() {
    let one = fixture("no_tag.mp3");
    // Headers that say 32 kHz: frames of 288 bytes and no padding, of nothing but zeros.
    let silence: Vec<u8> = [&[0xff, 0xfb, 0x58, 0x00][..], &[0; 284]].concat().repeat(200);
    let found = read("a.mp3", &[&one[..], &silence].concat()).unwrap();
    let alone = read("a.mp3", &one).unwrap().waveform;
    assert_eq!(found.waveform.samples()[..alone.len() - 2000], alone.samples()[..alone.len() - 2000]);
    // 200 frames of 1152, at 44.1 kHz.
    assert_eq!(found.waveform.len(), alone.len() + 317_520);
    let at = alone.len() as u64;
    assert_eq!(found.repairs, [Repair::Converted { at, from: "32000 Hz stereo".to_owned() }]);
}

#[test]
fn random_damage_never_panics_or_hurts() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for name in ENCODED {
        let sound = fixture(name);
        for _ in 0..60 {
            let mut bytes = sound.clone();
            for _ in 0..rng.random_range(1..12) {
                // Headers are where damage does most.
                let end = if rng.random_bool(0.5) { 300.min(bytes.len()) } else { bytes.len() };
                let at = rng.random_range(0..end);
                match rng.random_range(0..3) {
                    0 => bytes[at] ^= 1 << rng.random_range(0..8),
                    1 => bytes[at] = rng.random_range(0..=255),
                    _ => bytes
                        .drain(at..(at + rng.random_range(1..200)).min(sound.len() / 2).max(at).min(bytes.len()))
                        .for_each(drop),
                }
                if bytes.len() < 200 {
                    break;
                }
            }
            let _ = read(name, &bytes);
        }
    }
}

#[test]
fn a_tag_that_claims_fewer_frames_loses_none() {
    let mut flac = fixture("sound.flac");
    // The last 36 bits before the checksum of STREAMINFO count the samples.
    flac[21] &= 0xF0;
    flac[22..26].copy_from_slice(&1500_u32.to_be_bytes());
    let mut mp3 = fixture("sound.mp3");
    let tag = mp3.windows(4).position(|bytes| bytes == b"Xing" || bytes == b"Info").unwrap();
    mp3[tag + 8..tag + 12].copy_from_slice(&5_u32.to_be_bytes());
    for (name, bytes) in [("sound.flac", flac), ("sound.mp3", mp3)] {
        let whole = read(name, &fixture(name)).unwrap().waveform.len();
        let decoded = read(name, &bytes).unwrap();
        assert!(decoded.waveform.len() >= whole, "{name}: {} of {whole}", decoded.waveform.len());
        assert!(decoded.repairs.iter().any(|repair| matches!(repair, Repair::LongerThanDeclared { .. })), "{name}");
    }
}

#[test]
fn what_is_not_read_is_named_whatever_its_extension() {
    let noise: Vec<u8> = (0..50_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let sun = [&b".snd"[..], &[0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0x1f, 0x40, 0, 0, 0, 1]].concat();
    // Sounds of an mp3 behind it would be found.
    let sound = fixture("sound.mp3");
    for (start, name) in [
        (&b"wvpk\x10\x02\0\0"[..], "WavPack"),
        (b"MAC \x96\x0f\0\0", "Monkey's Audio"),
        (b"MPCKSH", "Musepack"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9", "Windows Media"),
        (b"\x0b\x77\x12\x34", "Dolby Digital"),
        (b"ID3\x03\0\0\0\0\0\x04abcdTTA1", "True Audio"),
        (&sun, "Sun's audio format"),
        (b"caff\0\x01\0\0desc", "Core Audio"),
    ] {
        for extension in ["mp3", "wav", "aac", "wv"] {
            for rest in [&noise, &sound] {
                let refused = read(&format!("a.{extension}"), &[start, rest].concat()).unwrap_err();
                assert!(matches!(refused, AudioError::UnknownFormat { .. }), "{refused}");
                assert!(refused.to_string().contains(name), "{refused}");
            }
        }
    }
}
