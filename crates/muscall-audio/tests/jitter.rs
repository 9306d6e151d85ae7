//! Timestamps that jitter by less than a block, as files have them that were made from Ogg Vorbis, and those that show a
//! loss.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "made/flac.rs"]
mod flac;
#[path = "made/mp4.rs"]
mod mp4;
#[path = "made/ogg.rs"]
mod ogg;
#[path = "made/sound.rs"]
mod sound;

use std::fs;
use std::path::Path;

use muscall_audio::{DecodeOptions, Repair, decode};
use sound::{Made, floats, made, noise};

/// How late packets or pages are, again and again.
const JITTER: [i64; 16] = [0, 0, 448, 0, 0, 224, 224, 224, 224, 0, -128, -128, 0, 352, 0, 0];

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name)).unwrap()
}

/// An MP4 file of packets of one length.
struct Track {
    name: &'static str,
    entry: Vec<u8>,
    rate: u32,
    block: usize,
    packets: Vec<Vec<u8>>,
    /// What they decode to.
    sound: Vec<f32>,
}

impl Track {
    /// `late[i]` is by how much packet `i` is late; the last one, by how much the end is.
    fn file(&self, late: &[i64]) -> Made {
        let lengths = (0..self.packets.len()).map(|i| self.block.min(self.sound.len() - i * self.block) as i64);
        let ticks: Vec<u32> =
            lengths.zip(late.windows(2)).map(|(length, late)| (length + late[1] - late[0]) as u32).collect();
        made("a.m4a", &mp4::file(&self.entry, self.rate, &self.packets, &ticks))
    }

    fn late(&self, late: impl Fn(usize) -> i64) -> Vec<i64> {
        (0..=self.packets.len()).map(late).collect()
    }
}

fn tracks() -> [Track; 4] {
    let samples = noise(150_500);
    let sound = floats(&samples);
    let flac = flac::frames(&samples, &[1152], 0, false);
    let (alac, info) = (samples.chunks(4096).map(mp4::alac_packet).collect(), flac::stream_info([1152; 2], 0));
    let mp3 = mp4::mp3_frames(&fixture("no_tag.mp3"));
    let aac = mp4::packets(&fixture("sound.m4a"));
    // Without jitter these sound as they do in the files that they come from.
    let plain = |entry: &[u8], packets: &[Vec<u8>], block: u32| {
        let file = made("a.m4a", &mp4::file(entry, 44_100, packets, &vec![block; packets.len()]));
        file.decode().unwrap().waveform.into_samples()
    };
    let (mp3_entry, aac_entry) = (mp4::mpeg_entry(0x6b, &[]), mp4::mpeg_entry(0x40, &[0x12, 0x10]));
    let (mp3_sound, aac_sound) = (plain(&mp3_entry, &mp3, 1152), plain(&aac_entry, &aac, 1024));
    assert!(mp3_sound.len() == 1152 * mp3.len() && aac_sound.len() == 1024 * aac.len());
    let track = |name, entry, rate, block, packets, sound| Track { name, entry, rate, block, packets, sound };
    [
        track("ALAC", mp4::alac_entry(), 22_050, 4096, alac, sound.clone()),
        track("FLAC", mp4::flac_entry(&info), 22_050, 1152, flac, sound),
        track("mp3", mp3_entry, 44_100, 1152, mp3, mp3_sound),
        track("AAC", aac_entry, 44_100, 1024, aac, aac_sound),
    ]
}

#[test]
fn jitter_in_mp4_is_no_loss() {
    for track in tracks() {
        // The last packet is late in one of them, and so the declared length is wrong.
        for shift in 0..JITTER.len() {
            let end = track.packets.len();
            let is_late_end = shift % 2 == 1;
            let late =
                track.late(|i| if i == 0 || i == end && !is_late_end { 0 } else { JITTER[(i + shift) % JITTER.len()] });
            let (file, what) = (track.file(&late), format!("{} {shift}", track.name));
            if track.name == "AAC" && is_late_end {
                // Its length is the header's.
                assert!(file.decode().unwrap().waveform.samples() == track.sound, "{what}");
                file.has_equal_spans(&track.sound, &what);
                continue;
            }
            assert_eq!(file.holds(&track.sound, &what).repairs, [], "{what}");
        }
    }
}

#[test]
fn a_gap_in_mp4_is_filled_where_the_packets_behind_confirm_it() {
    for track in tracks() {
        let (at, block) = (track.packets.len() / 2, track.block);
        let jitter = |i: usize| JITTER[i * usize::from(i < track.packets.len()) % JITTER.len()];
        for lost in [1, 3] {
            let missing = |i: usize| if i > at { (lost * block) as i64 } else { 0 };
            for late in [track.late(missing), track.late(|i| missing(i) + jitter(i))] {
                let (before, behind) = track.sound.split_at((at + 1) * block);
                let expected = [before, &vec![0.0; lost * block], behind].concat();
                let what = format!("{} {lost}", track.name);
                let repairs = track.file(&late).holds(&expected, &what).repairs;
                let gap = Repair::GapFilled { at: ((at + 1) * block) as u64, frames: (lost * block) as u64 };
                assert_eq!(repairs, [gap], "{what}");
            }
        }
        // Packets that come late and catch up again are no gap.
        for wrong in [1, 5] {
            let late = track.late(|i| if i >= at { (block * (at + wrong).saturating_sub(i)) as i64 } else { 0 });
            assert_eq!(track.file(&late).holds(&track.sound, track.name).repairs, [], "{} {wrong}", track.name);
        }
    }
}

/// Pages of four frames, with what each of them is late.
fn ogg_flac(frames: &[Vec<u8>], samples: usize, late: impl Fn(usize) -> i64) -> Vec<Vec<u8>> {
    let granules: Vec<i64> =
        (1..=frames.len().div_ceil(4)).map(|i| (i * 4 * 1152).min(samples) as i64 + late(i)).collect();
    ogg::flac(&flac::stream_info([1152; 2], 0), frames, 4, &granules)
}

#[test]
fn jitter_in_ogg_flac_is_no_loss() {
    let samples = noise(150_500);
    let frames = flac::frames(&samples, &[1152], 0, false);
    for shift in 0..JITTER.len() {
        let file = ogg_flac(&frames, samples.len(), |i| JITTER[(i + shift) % JITTER.len()]).concat();
        let repairs = made("a.ogg", &file).holds(&floats(&samples), "jitter").repairs;
        assert_eq!(repairs, [], "{shift}");
    }
}

#[test]
fn ogg_flac_may_start_late_and_lose_pages() {
    let samples = noise(150_500);
    // Numbers, timestamps, or both are late.
    for (number, late) in [(0, 0), (500, 0), (0, 576_000), (500, 576_000), (3, 1152 * 3)] {
        let frames = flac::frames(&samples, &[1152], number, false);
        let mut pages = ogg_flac(&frames, samples.len(), |_| late);
        let sound = made("a.ogg", &pages.concat()).holds(&floats(&samples), "late");
        assert_eq!(sound.repairs, [], "{number} {late}");
        let mut expected = floats(&samples);
        expected[8 * 4 * 1152..10 * 4 * 1152].fill(0.0);
        drop(pages.drain(10..12));
        let repairs = made("a.ogg", &pages.concat()).holds(&expected, "lost").repairs;
        assert_eq!(repairs, [Repair::GapFilled { at: 8 * 4 * 1152, frames: 2 * 4 * 1152 }], "{number} {late}");
    }
}

#[test]
fn a_vorbis_stream_that_was_cut_is_counted_as_it_is_decoded() {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/audio/000_0ad_Celtica.ogg");
    let whole = decode(&clip, &DecodeOptions::default()).unwrap().waveform.into_samples();
    let pages = ogg::pages(&fs::read(clip).unwrap());
    // Headers, and then pages from somewhere on.
    let headers = pages.iter().take_while(|page| page[6..14] == [0; 8]).count();
    for start in [headers, headers + 1, headers + 4] {
        let cut = made("a.ogg", &[&pages[..headers], &pages[start..]].concat().concat());
        let found = cut.decode().unwrap();
        assert_eq!(found.repairs, [], "{start}");
        let samples = found.waveform.into_samples();
        assert!(whole.ends_with(&samples[samples.len().min(3000)..]) && samples.len() > whole.len() / 2, "{start}");
        cut.holds(&samples, "cut");
    }
}
