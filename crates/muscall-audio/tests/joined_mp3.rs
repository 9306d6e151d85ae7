//! mp3 files of several rates or numbers of channels, one behind the other in one file.
#![allow(clippy::unwrap_used, missing_docs, dead_code)]

#[path = "made/sound.rs"]
mod sound;

use muscall_audio::{Repair, Resampler};
use sound::made;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn samples(file: &[u8]) -> Vec<f32> {
    made("a.mp3", file).decode().unwrap().waveform.into_samples()
}

#[test]
fn what_follows_is_at_the_rate_of_what_comes_first() {
    // 44.1 kHz stereo and 22.05 kHz mono, without tags: ffmpeg and mpg123 decode 54,144 and 8064 frames of them.
    let (first, second) = (fixture("no_tag.mp3"), fixture("mono22.mp3"));
    let (a, b) = (samples(&first), samples(&second));
    assert_eq!((a.len(), b.len()), (54_144, 8064));
    for (file, one, other, rates, from) in [
        ([&first[..], &second].concat(), &a, &b, (22_050, 44_100), "22050 Hz mono"),
        ([&second[..], &first].concat(), &b, &a, (44_100, 22_050), "44100 Hz stereo"),
    ] {
        let other = Resampler::new(rates.0, rates.1).unwrap().resample(other);
        let expected = [&one[..], &other[..]].concat();
        let decoded = made("a.mp3", &file).holds(&expected, from);
        assert_eq!(decoded.waveform.sample_rate(), rates.1);
        assert_eq!(decoded.repairs, [Repair::Converted { at: one.len() as u64, from: from.to_owned() }]);
    }
    // Three parts, the last one as the first.
    let middle = Resampler::new(22_050, 44_100).unwrap().resample(&b);
    let file = [&first[..], &second, &first].concat();
    made("a.mp3", &file).holds(&[&a[..], &middle, &a].concat(), "three");
}

#[test]
fn a_header_that_is_damaged_is_no_other_part() {
    let sound = fixture("no_tag.mp3");
    let whole = samples(&sound);
    // 64 kbit/s at 44.1 kHz, frames of 208 or 209 bytes.
    let at = (5000..).find(|&at| sound[at..].starts_with(&[0xff, 0xfb, 0x52])).unwrap();
    for mode in [0xc0, 0x00] {
        let mut file = sound.clone();
        file[at + 3] = file[at + 3] & 0x3f | mode;
        let decoded = made("a.mp3", &file).decode().unwrap();
        assert_eq!(decoded.waveform.len(), whole.len(), "{mode:x}: {:?}", decoded.repairs);
        assert!(!decoded.repairs.iter().any(|repair| matches!(repair, Repair::Converted { .. })));
    }
}

#[test]
fn a_file_that_holds_two_is_counted_as_both() {
    let sound = fixture("sound.mp3");
    let whole = samples(&sound);
    // The encoder's own frames between the two are heard.
    let long: Vec<u8> = std::iter::repeat_n(&sound[..], 9).flatten().copied().collect();
    let file = made("a.mp3", &long);
    let decoded = file.decode().unwrap();
    assert!(decoded.waveform.len() > 9 * whole.len());
    assert_eq!(file.count(), decoded.waveform.len());
    assert!(matches!(decoded.repairs[..], [Repair::LongerThanDeclared { .. }]), "{:?}", decoded.repairs);
}
