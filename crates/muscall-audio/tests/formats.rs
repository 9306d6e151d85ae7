//! The status tables of the README are what is found: in the committed files, or in all those that
//! `scripts/make_formats.py` makes, if `MUSCALL_FORMATS` names their folder. `MUSCALL_UPDATE=1` writes the tables.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "formats/manifest.rs"]
mod manifest;
#[path = "formats/sound.rs"]
mod sound;
#[path = "formats/table.rs"]
mod table;
#[path = "formats/tags.rs"]
mod tags;

use manifest::{Manifest, Window, folder};
use table::Table;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const SOUND: [&str; 7] = ["codec", "container", "files", "reading", "ffmpeg", "another", "length"];
const TAGS: [&str; 4] = ["tags", "container", "files", "beside mutagen"];

/// Files whose samples are wrong, both of Vorbis with more than two channels. symphonia 0.6.1 undoes the coupling of
/// channels from the first pair on and not from the last, and lets the classes of a residue that is not interleaved run
/// over into those of the next channel.
const KNOWN: [&str; 2] = ["vorbis-ogg-48000-hz-6-ch-q-1.ogg", "vorbis-ogg-48000-hz-8-ch.ogg"];

fn sound_table() -> Table {
    Table::new("formats", &SOUND)
}

#[test]
fn the_status_tables_say_what_is_found() {
    let folder = folder();
    let manifest = Manifest::read(&folder);
    let (mut sounds, mut tagged) = (sound_table(), Table::new("tags", &TAGS));
    let mut unsound = Vec::new();
    for entry in &manifest.files {
        let found = sound::found(&folder, entry);
        println!("{}: {}: {}", entry.file, found.reading, found.details);
        let is_known = KNOWN.contains(&&*entry.file);
        if found.is_sound(entry.lossless) == is_known {
            unsound.push(format!(
                "{}: {}, {}, {}: {}",
                entry.file, found.reading, found.ffmpeg, found.other, found.details
            ));
        }
        let words = [&*found.reading, &found.ffmpeg, &found.other, &found.length];
        sounds.add(&[&entry.codec, &entry.container], &entry.variant, &words);
        if let Some(expected) = &entry.tags {
            let (word, details) = tags::found(&folder.join(&entry.file), expected);
            println!("  {word}: {details}");
            let word = if expected.by == "mutagen" { word } else { format!("{word} ({})", expected.by) };
            tagged.add(&[&expected.system, &entry.container], &format!("{} {}", entry.codec, expected.label), &[&word]);
        }
    }
    // Neither a README nor an update of it makes up for wrong samples.
    let what = "no other program finds the samples of these, or does so now for some that are known to be wrong";
    assert!(unsound.is_empty(), "{what}:\n{}", unsound.join("\n"));
    let readme = std::fs::read_to_string(README).unwrap();
    if std::env::var_os("MUSCALL_UPDATE").is_some() {
        assert!(manifest.is_whole, "MUSCALL_UPDATE needs all files: let MUSCALL_FORMATS name their folder");
        let note = format!("Of files made by {}.", manifest.made_by());
        let readme = sounds.written_into(&readme, &note);
        std::fs::write(README, tagged.written_into(&readme, &note)).unwrap();
        return;
    }
    let mut stale = sounds.stale(&readme, manifest.is_whole);
    stale.extend(tagged.stale(&readme, manifest.is_whole));
    let remedy = "make all files with scripts/make_formats.py, then run with MUSCALL_FORMATS and MUSCALL_UPDATE=1";
    assert!(stale.is_empty(), "the README is stale; {remedy}; made by {}:\n{}", manifest.made_by(), stale.join("\n"));
}

#[test]
fn samples_are_compared_frame_by_frame() {
    let sound: Vec<f32> =
        (0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32).collect();
    let whole = |samples: &[f32]| (samples.len(), vec![Window { start: 0, samples: samples.to_vec() }]);
    let word = |ours: &[f32], theirs: &[f32]| {
        let (frames, windows) = whole(theirs);
        sound::compared(ours, frames, &windows).0
    };
    let louder = |by: f32| sound.iter().map(|x| x + by).collect::<Vec<_>>();
    assert_eq!(word(&sound, &sound), "exact");
    assert_eq!(word(&louder(5e-4), &sound), "within 1e-3");
    assert_eq!(word(&louder(2e-3), &sound), "other samples");
    assert_eq!(word(&sound, &sound[..3000]), "exact, ends later");
    assert_eq!(word(&louder(5e-4)[..3000], &sound), "within 1e-3, ends earlier");
    assert_eq!(word(&sound[7..], &sound), "shifted");
    assert_eq!(word(&sound, &sound[1105..]), "shifted");
    // Of windows: their places count, and what lies between does not.
    let mut ours = sound.clone();
    ours[2000] = 9.0;
    let window = |start: usize| Window { start, samples: sound[start..start + 100].to_vec() };
    assert_eq!(sound::compared(&ours, 4000, &[window(0), window(3900)]).0, "exact");
    ours[3950] = 9.0;
    assert_eq!(sound::compared(&ours, 4000, &[window(0), window(3900)]).0, "other samples");
}

#[test]
fn what_is_read_agrees_with_somebody() {
    let is_sound = |reading: &str, ffmpeg: &str, other: &str, lossless: bool| {
        let [reading, ffmpeg, other, length, details] = [reading, ffmpeg, other, "", ""].map(str::to_owned);
        sound::Found { reading, ffmpeg, other, length, details }.is_sound(lossless)
    };
    assert!(is_sound("refused", "–", "–", true) && is_sound("read", "other samples", "exact, ends later", true));
    assert!(is_sound("read, miscounted", "within 1e-3", "–", false) && !is_sound("read", "within 1e-3", "–", true));
    assert!(!is_sound("read", "shifted", "other samples", false) && !is_sound("read", "–", "–", false));
}

#[test]
fn names_are_whole_words() {
    assert!(sound::has_word("this is WavPack, which", "wavpack") && sound::has_word("AC-3", "AC-3"));
    assert!(!sound::has_word("caused by auto", "AU") && !sound::has_word("MP21", "MP2"));
}

#[test]
fn a_stale_row_is_found() {
    let mut table = sound_table();
    table.add(&["MP3", "MPEG"], "CBR", &["read", "exact", "–", "longer"]);
    table.add(&["MP3", "MPEG"], "VBR", &["read", "exact", "–", "longer"]);
    table.add(&["MP3", "MPEG"], "free", &["refused", "within 1e-3, ends later", "–", "–"]);
    let readme = table.written_into("a\n<!-- formats -->\nold\n<!-- /formats -->\nb\n", "of two");
    assert!(readme.starts_with("a\n") && readme.ends_with("-->\nb\n") && !readme.contains("old"), "{readme}");
    assert!(readme.contains("-->\nof two\n\n| codec |"), "{readme}");
    let row = "| MP3 | MPEG | 3 | read; refused: free | exact; within 1e-3, ends later: free | – | longer |";
    assert!(readme.contains(row), "{readme}");
    assert_eq!((table.stale(&readme, true).len(), table.stale(&readme, false).len()), (0, 0));
    // A part of the files is held to what the row says of them.
    let mut part = sound_table();
    part.add(&["MP3", "MPEG"], "free", &["refused", "within 1e-3, ends later", "–", "–"]);
    assert_eq!((part.stale(&readme, true).len(), part.stale(&readme, false).len()), (4, 0));
    part.add(&["MP3", "MPEG"], "VBR", &["read", "shifted", "–", "longer"]);
    part.add(&["MP3", "WAV"], "CBR", &["read", "exact", "–", "longer"]);
    assert_eq!(part.stale(&readme, false).len(), 2);
    let mut other = sound_table();
    other.add(&["MP3", "MPEG"], "CBR", &["read", "within 1e-3", "–", "longer"]);
    assert_eq!(other.stale(&readme, false).len(), 1);
    let changed = readme.replace("refused: free", "read, repaired: free");
    assert_eq!((table.stale(&changed, true).len(), table.stale(&changed, false).len()), (1, 1));
    assert_eq!(table.stale("no table", false).len(), 1);
}
