//! Files that break off, and containers that are damaged in the middle: what is sound is read, in its place.
//!
//! Lengths are those that ffmpeg 5.1.9 decodes (`ffmpeg -i FILE -f f32le -ac 1 -`), and places of lost packets those that ffprobe
//! shows (`-show_entries packet=pts,pos`).
#![allow(clippy::unwrap_used, missing_docs, dead_code)]

#[path = "made/sound.rs"]
mod sound;

use muscall_audio::{AudioError, Repair, count_frames};
use sound::{Made, made};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn places(file: &[u8], letters: &[u8]) -> Vec<usize> {
    (0..file.len()).filter(|&at| file[at..].starts_with(letters)).collect()
}

/// The same but for the noise that a decoder of AAC draws, whose state is that of all packets before.
fn is_near(found: &[f32], expected: &[f32]) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.05)
}

/// The whole of it, as long as `count_frames` says, and what a span of it gives.
fn read(file: &Made, what: &str) -> (Vec<f32>, Vec<Repair>) {
    let decoded = file.decode().unwrap_or_else(|error| panic!("{what}: {error}"));
    let samples = decoded.waveform.into_samples();
    assert_eq!(count_frames(&file.path, &Default::default()).unwrap(), samples.len() as u64, "{what}");
    file.has_equal_spans(&samples, what);
    (samples, decoded.repairs)
}

#[test]
fn half_a_download_is_read_up_to_its_end() {
    for (name, bytes, frames) in [
        ("front.m4a", 2800, 8192),
        ("front.m4a", 3500, 12_288),
        ("front.m4a", 4500, 17_408),
        ("pieces.m4a", 3900, 14_336),
        ("pieces.m4a", 4600, 17_408),
        ("pieces.m4a", 5200, 20_480),
        ("clusters.webm", 2000, 15_048),
        ("clusters.webm", 2825, 22_728),
        ("clusters.webm", 4500, 39_048),
        ("aac.mka", 12_338, 26_624),
    ] {
        let whole = made(name, &fixture(name)).decode().unwrap();
        assert_eq!(whole.repairs, [], "{name}");
        let (samples, repairs) = read(&made(name, &fixture(name)[..bytes]), &format!("{name} of {bytes}"));
        assert_eq!(samples.len(), frames, "{name} of {bytes}: {repairs:?}");
        assert!(samples == whole.waveform.samples()[..frames], "{name} of {bytes}");
        match &repairs[..] {
            // Where nothing says how long it should be, bytes are counted.
            [Repair::StreamEndedEarly { at, reason }] if name == "pieces.m4a" => {
                assert!(*at == frames as u64 && reason.contains("bytes of it are missing"), "{reason}");
            }
            [Repair::ShorterThanDeclared { declared, found }] => {
                // With the frames in front that are not heard.
                assert!(*found >= frames as u64 && *found <= frames as u64 + 1024, "{name}: {found}");
                assert!(declared.abs_diff(whole.waveform.len() as u64) <= 2048, "{name}: {declared}");
            }
            other => panic!("{name} of {bytes}: {other:?}"),
        }
    }
}

#[test]
fn an_m4a_without_its_index_is_refused_and_says_what_is_missing() {
    let sound = fixture("sound.m4a");
    for bytes in [60, 12_000, 24_000, 24_100, 24_900] {
        let error = made("a.m4a", &sound[..bytes]).decode().unwrap_err();
        assert!(matches!(error, AudioError::Incomplete { .. }), "{bytes}: {error}");
        let text = error.to_string();
        assert!(text.contains("incomplete") && text.contains("`moov`") && text.contains("download"), "{text}");
    }
    let error = made("a.m4a", &sound[..12_000]).decode().unwrap_err();
    assert!(matches!(error, AudioError::Incomplete { missing: Some(12_006), .. }), "{error}");
}

#[test]
fn a_lost_fragment_is_silence_of_its_length() {
    let sound = fixture("pieces.m4a");
    let whole = made("a.m4a", &sound).decode().unwrap().waveform.into_samples();
    assert_eq!(whole.len(), 23_552);
    let third = places(&sound, b"moof")[2];
    let gap = [Repair::GapFilled { at: 10_240, frames: 5120 }];
    for (what, from, bytes) in
        [("its name", third, vec![b'n']), ("its head", third - 4, vec![0; 40]), ("a run", third + 88, vec![0xff; 8])]
    {
        let mut file = sound.clone();
        file[from..from + bytes.len()].copy_from_slice(&bytes);
        let (samples, repairs) = read(&made("a.m4a", &file), what);
        assert_eq!((samples.len(), &repairs[..]), (whole.len(), &gap[..]), "{what}");
        assert!(samples[..10_240] == whole[..10_240] && samples[10_240..15_360].iter().all(|x| *x == 0.0), "{what}");
        // The first packet behind it has nothing that it overlaps with.
        assert!(is_near(&samples[16_384..], &whole[16_384..]), "{what}: behind");
    }
}

#[test]
fn a_damaged_packet_of_an_m4a_is_silence_and_the_rest_is_in_its_place() {
    let sound = fixture("front.m4a");
    let whole = made("a.m4a", &sound).decode().unwrap().waveform.into_samples();
    let mut file = sound.clone();
    file[3054..3454].fill(0);
    let (samples, repairs) = read(&made("a.m4a", &file), "zeros");
    assert_eq!(samples.len(), whole.len());
    let [Repair::GapFilled { at, frames }] = repairs[..] else { panic!("{repairs:?}") };
    assert!(frames % 1024 == 0 && (2048..=5120).contains(&frames), "{repairs:?}");
    let (at, end) = (at as usize, (at + frames) as usize);
    // What is left of two packets beside them is heard, as it is by ffmpeg.
    assert!(samples[..at - 1024] == whole[..at - 1024] && is_near(&samples[end + 3072..], &whole[end + 3072..]));
}

#[test]
fn a_damaged_cluster_costs_what_is_damaged_of_it() {
    let sound = fixture("clusters.webm");
    let whole = made("a.webm", &sound).decode().unwrap().waveform.into_samples();
    let clusters = places(&sound, b"\x1f\x43\xb6\x75");
    assert_eq!((clusters.len(), whole.len()), (6, 48_648));
    // The identity, or the size: nothing else is damaged, and all packets are found.
    for (byte, bits) in [(0, 0x10), (2, 0xff), (4, 0x7f), (5, 0x3f), (6, 1)] {
        let mut file = sound.clone();
        file[clusters[2] + byte] ^= bits;
        let (samples, repairs) = read(&made("a.webm", &file), "a head");
        assert!(samples == whole && repairs.is_empty(), "{byte}: {} frames, {repairs:?}", samples.len());
    }
    for (from, bytes) in [(clusters[2] + 100, 200), (clusters[2] + 40, 500)] {
        let mut file = sound.clone();
        file[from..from + bytes].fill(0);
        let (samples, repairs) = read(&made("a.webm", &file), "zeros");
        let [Repair::GapFilled { at, frames }] = repairs[..] else { panic!("{from} {bytes}: {repairs:?}") };
        assert_eq!(samples.len(), whole.len(), "{from} {bytes}: {repairs:?}");
        assert!(frames % 960 == 0 && frames <= 960 * (bytes as u64 / 60 + 2), "{repairs:?}");
        // A packet whose end is gone is decoded all the same.
        assert!(samples[..at as usize - 1200] == whole[..at as usize - 1200], "{from} {bytes}");
    }
}

#[test]
fn damaged_places_and_tags_of_a_webm_do_not_keep_it_from_being_read() {
    let sound = fixture("sound.webm");
    let whole = made("a.webm", &sound).decode().unwrap().waveform.into_samples();
    // Of a list of places, the identity of what lies there and the place itself.
    let list = places(&sound, b"\x11\x4d\x9b\x74")[0];
    for at in list + 5..list + 63 {
        let mut file = sound.clone();
        file[at] ^= 0x41;
        let samples = made("a.webm", &file).decode().unwrap_or_else(|error| panic!("{at}: {error}")).waveform;
        assert!(samples.samples() == whole, "{at}");
    }
    let tags = places(&sound, b"\x12\x54\xc3\x67");
    if let Some(&tags) = tags.last() {
        let mut file = sound.clone();
        file[tags + 8..tags + 20].fill(0);
        let decoded = made("a.webm", &file).decode().unwrap();
        assert!(decoded.waveform.samples() == whole);
        assert_eq!(decoded.repairs, [Repair::TagsLeftOut]);
    }
}
