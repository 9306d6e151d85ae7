//! Plain samples behind every header that holds them, and behind headers that lie.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "made/plain.rs"]
mod plain;
#[path = "made/sound.rs"]
mod sound;

use muscall_audio::Repair;
use plain::{Said, aiff, core_audio, rf64, sun, wav, wave64};
use sound::{floats, made, noise};

const UNKNOWN: u64 = u32::MAX as u64;

/// Both channels, and their mean.
struct Samples {
    interleaved: Vec<i16>,
    mean: Vec<f32>,
}

impl Samples {
    fn new(frames: usize) -> Self {
        let interleaved = noise(2 * frames);
        let mean = floats(&interleaved).chunks(2).map(|pair| (pair[0] + pair[1]) * 0.5).collect();
        Self { interleaved, mean }
    }

    fn bytes(&self, is_big_endian: bool) -> Vec<u8> {
        let bytes = |x: &i16| if is_big_endian { x.to_be_bytes() } else { x.to_le_bytes() };
        self.interleaved.iter().flat_map(bytes).collect()
    }

    /// As samples of more bytes, integers or floating point.
    fn wide(&self, bytes: usize, is_float: bool, is_big_endian: bool) -> Vec<u8> {
        let one = |&x: &i16| {
            let mut sample = match (bytes, is_float) {
                (4, true) => (f32::from(x) / 32_768.0).to_be_bytes().to_vec(),
                (_, true) => (f64::from(x) / 32_768.0).to_be_bytes().to_vec(),
                (bytes, false) => [&x.to_be_bytes()[..], &[0; 6][..bytes - 2]].concat(),
            };
            if !is_big_endian {
                sample.reverse();
            }
            sample
        };
        self.interleaved.iter().flat_map(one).collect()
    }
}

#[test]
fn sizes_of_the_whole_file_may_be_any() {
    let samples = Samples::new(20_000);
    let (little, big) = (samples.bytes(false), samples.bytes(true));
    let inner = little.len() as u64;
    for outer in [0, 4, 36, inner - 8, inner + 35, inner + 36, inner + 44, inner + 1036, UNKNOWN - 1, UNKNOWN] {
        let said = Said { kind: 1, bits: 16, outer, inner };
        assert_eq!(made("a.wav", &wav(said, &[], &little)).holds(&samples.mean, &format!("wav {outer}")).repairs, []);
        let said = Said { inner: inner + 8, ..said };
        for late in [false, true] {
            let what = format!("aiff {outer} {late}");
            assert_eq!(made("a.aiff", &aiff(None, said, late, &big)).holds(&samples.mean, &what).repairs, []);
        }
    }
}

#[test]
fn sizes_of_the_samples_that_nobody_knew_are_those_of_the_rest() {
    let samples = Samples::new(20_000);
    let (little, big) = (samples.bytes(false), samples.bytes(true));
    for inner in [0, 0x7fff_f000, 0x7fff_ffff, UNKNOWN - 36, UNKNOWN] {
        let said = Said { kind: 1, bits: 16, outer: inner, inner };
        assert_eq!(made("a.wav", &wav(said, &[], &little)).holds(&samples.mean, &format!("wav {inner}")).repairs, []);
    }
    for inner in [0, UNKNOWN] {
        let said = Said { kind: 3, bits: 16, outer: inner, inner };
        assert_eq!(made("a.au", &sun(said, b"a text", &big)).holds(&samples.mean, &format!("au {inner}")).repairs, []);
        let aiff = aiff(None, said, false, &big);
        assert_eq!(made("a.aiff", &aiff).holds(&samples.mean, &format!("aiff {inner}")).repairs, []);
    }
    let unknown = core_audio(b"lpcm", 0, 16, -1, &big);
    assert_eq!(made("a.caf", &unknown).holds(&samples.mean, "caf").repairs, []);
}

#[test]
fn a_file_that_breaks_off_says_so() {
    let samples = Samples::new(20_000);
    let (little, big) = (samples.bytes(false), samples.bytes(true));
    let (half, inner) = (little.len() / 2, little.len() as u64);
    let said = Said { kind: 1, bits: 16, outer: inner + 36, inner };
    let files = [
        ("a.wav", wav(said, &[], &little[..half])),
        ("a.wav", rf64(said, &little[..half])),
        ("a.w64", wave64(said, &little[..half])),
        ("a.aiff", aiff(None, Said { inner: inner + 8, ..said }, false, &big[..half])),
        ("a.au", sun(Said { kind: 3, ..said }, &[], &big[..half])),
        ("a.caf", core_audio(b"lpcm", 2, 16, inner as i64 + 4, &little[..half])),
    ];
    for (name, bytes) in files {
        let repairs = made(name, &bytes).holds(&samples.mean[..10_000], name).repairs;
        assert_eq!(repairs, [Repair::ShorterThanDeclared { declared: 20_000, found: 10_000 }], "{name}");
    }
}

#[test]
fn chunks_of_odd_length_may_be_filled_up_or_not() {
    let samples = Samples::new(5000);
    let (data, inner) = (samples.bytes(false), 20_000);
    for odd in [&b"LIST\x05\0\0\0INFOx\0"[..], b"LIST\x05\0\0\0INFOx", b"bext\x03\0\0\0abc\0", b"bext\x03\0\0\0abc"] {
        for outer in [inner + 36, inner + 36 + odd.len() as u64] {
            let said = Said { kind: 1, bits: 16, outer, inner };
            // What follows the samples is none.
            let file = [wav(said, odd, &data), b"LIST\x04\0\0\0INFO".to_vec()].concat();
            assert_eq!(made("a.wav", &file).holds(&samples.mean, &format!("{odd:?}")).repairs, []);
        }
    }
}

#[test]
fn formats_of_any_length_are_read() {
    let samples = Samples::new(5000);
    let (data, said) = (samples.bytes(false), Said { kind: 1, bits: 16, outer: 0, inner: 20_000 });
    let plain = wav(said, &[], &data);
    for more in [2, 4, 6, 12, 34] {
        let size = (16 + more as u32).to_le_bytes();
        let file = [&plain[..16], &size, &plain[20..36], &vec![0; more], &plain[36..]].concat();
        assert_eq!(made("a.wav", &file).holds(&samples.mean, &format!("{more}")).repairs, []);
    }
}

#[test]
fn every_kind_of_samples_in_every_header() {
    let samples = Samples::new(6000);
    let said = |kind, bits: u16, data: &[u8]| Said { kind, bits, outer: 0, inner: data.len() as u64 };
    for (bytes, is_float) in [(2, false), (3, false), (4, false), (4, true), (8, true)] {
        let (bits, what) = (8 * bytes as u16, format!("{bytes} {is_float}"));
        let [little, big] = [false, true].map(|is_big| samples.wide(bytes, is_float, is_big));
        let riff = said(if is_float { 3 } else { 1 }, bits, &little);
        let sun_kind = if is_float { 4 + bytes as u32 / 4 + 1 } else { bytes as u32 + 1 };
        let mut aiff_said = said(0, bits, &big);
        aiff_said.inner += 8;
        let name = match (bytes, is_float) {
            (4, true) => b"fl32",
            (_, true) => b"FL64",
            _ => b"NONE",
        };
        let flags = u32::from(is_float);
        let mut files = vec![
            ("a.wav", wav(riff, &[], &little)),
            ("a.wav", rf64(riff, &little)),
            ("a.w64", wave64(riff, &little)),
            ("a.au", sun(said(sun_kind, bits, &big), &[], &big)),
            ("a.aifc", aiff(Some(name), aiff_said, false, &big)),
            ("a.caf", core_audio(b"lpcm", flags, bits, big.len() as i64 + 4, &big)),
            ("a.caf", core_audio(b"lpcm", flags | 2, bits, little.len() as i64 + 4, &little)),
        ];
        if !is_float {
            files.push(("a.aifc", aiff(Some(b"sowt"), aiff_said, true, &little)));
        }
        for (name, file) in files {
            assert_eq!(made(name, &file).holds(&samples.mean, &format!("{name} {what}")).repairs, []);
        }
    }
}
