//! Miniatures of public data sets, with the quirks of the real ones.
#![allow(missing_docs, clippy::unwrap_used)]

mod wav;

use std::fs;
use std::path::Path;

use muscall_data::benchmark::{
    Benchmark, Gtzan, Jamendo, MagnaTagATune, MidiCaps, MusicCaps, SongDescriber, Task, benchmarks,
};
use muscall_data::{DataError, Split};
use wav::write_wav;

/// A tone of a second and a half, whatever the name says: the content decides.
fn tone(path: &Path, number: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let hz = 110.0 * f64::from(number + 2);
    write_wav(
        path,
        (0..24_000).map(|i| (9_000.0 * (std::f64::consts::TAU * hz * f64::from(i) / 16_000.0).sin()) as i16),
    );
}

#[test]
fn gtzan_has_ten_classes_and_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let genres = dir.path().join("genres_original");
    for (i, name) in ["blues/blues.00012.wav", "blues/blues.00013.au", "rock/rock.00010.wav", "metal/metal.00003.wav"]
        .iter()
        .enumerate()
    {
        tone(&genres.join(name), i as u32);
    }
    let data = Gtzan.read(dir.path(), Split::Test).unwrap();
    assert_eq!(data.found() + data.missing.len(), 290);
    assert!((3..=4).contains(&data.found()), "{}", data.found());
    assert!(matches!(data.check_half(dir.path()), Err(DataError::BenchmarkIncomplete { expected: 290, .. })));
    let Task::Classification { classes, clips } = &data.task else { panic!("{:?}", data.task) };
    assert_eq!((classes.len(), classes[0].as_str()), (10, "blues"));
    assert!(clips.iter().all(|(path, class)| path.exists() && *class < 10));
}

#[test]
fn magnatagatune_takes_its_tags_and_folders() {
    let dir = tempfile::tempdir().unwrap();
    let tags: Vec<&str> = include_str!("../assets/mtat_top50_tags.txt").lines().collect();
    // The real file has tabs, quotes, and more tags than fifty.
    let quoted: Vec<String> = tags.iter().map(|tag| format!("\"{tag}\"")).collect();
    let mut table = format!("\"clip_id\"\t{}\t\"no such tag\"\t\"mp3_path\"\n", quoted.join("\t"));
    for clip in 0..10_u32 {
        let folder = if clip < 8 { "f" } else { "0" };
        let mut cells = vec!["\"0\"".to_owned(); 51];
        cells[clip as usize % 3] = "\"1\"".to_owned();
        if clip == 7 {
            cells = vec!["\"0\"".to_owned(); 51];
            cells[50] = "\"1\"".to_owned();
        }
        table += &format!("\"{clip}\"\t{}\t\"{folder}/clip-{clip}.mp3\"\n", cells.join("\t"));
        tone(&dir.path().join(format!("mp3/{folder}/clip-{clip}.mp3")), clip);
    }
    fs::write(dir.path().join("annotations_final.csv"), table).unwrap();
    // Some mp3s of the archive are empty, some are not there.
    fs::write(dir.path().join("mp3/f/clip-2.mp3"), b"").unwrap();
    fs::remove_file(dir.path().join("mp3/f/clip-3.mp3")).unwrap();
    let data = MagnaTagATune.read(dir.path(), Split::Test).unwrap();
    // Clip 7 has none of the fifty tags.
    assert_eq!((data.found(), data.missing.len()), (5, 2));
    data.check_half(dir.path()).unwrap();
    let Task::Tagging { tags, clips } = &data.task else { panic!() };
    let is_somewhere = |tag: usize| clips.iter().any(|(_, own)| own[tag]);
    assert_eq!((tags.len(), (0..50).filter(|&tag| is_somewhere(tag)).count()), (50, 3));
    assert_eq!(MagnaTagATune.read(dir.path(), Split::Train).unwrap().found(), 2);
    let error = MagnaTagATune.read(&dir.path().join("mp3"), Split::Test).unwrap_err();
    assert!(matches!(error, DataError::Io { .. }) && !error.to_string().contains("quotes"), "{error}");
}

#[test]
fn song_describer_has_several_captions_a_track() {
    let dir = tempfile::tempdir().unwrap();
    let mut table =
        "caption_id,track_id,caption,is_valid_subset,familiarity,artist_id,album_id,path,duration\n".to_owned();
    for caption in 0..10 {
        let track = caption / 2;
        table += &format!(
            "{caption},{track},\"A \"\"slow\"\" song, number {caption}\",True,0,1,1,0{track}/{track}.mp3,120.0\n"
        );
        tone(&dir.path().join(format!("audio/0{track}/{track}.2min.mp3")), track);
    }
    fs::write(dir.path().join("song_describer.csv"), table).unwrap();
    fs::remove_file(dir.path().join("audio/04/4.2min.mp3")).unwrap();
    let data = SongDescriber.read(dir.path(), Split::Test).unwrap();
    let Task::Retrieval(manifest) = &data.task else { panic!() };
    assert_eq!((manifest.rows.len(), data.missing.len()), (4, 1));
    assert_eq!(manifest.rows[1].captions, ["A \"slow\" song, number 2", "A \"slow\" song, number 3"]);
}

#[test]
fn musiccaps_uses_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let header = "ytid,start_s,end_s,audioset_positive_labels,aspect_list,caption,author_id,is_balanced_subset,is_audioset_eval\n";
    let mut table = header.to_owned();
    for clip in 0..10_u32 {
        let id = format!("-_abcdefg{clip:02}");
        let flag = if clip < 6 { "True" } else { "False" };
        table += &format!(
            "{id},30,40,\"/m/0140xf,/m/02cjck\",\"['a', 'b']\",\"A clip\nwith a line break, {clip}\",4,False,{flag}\n"
        );
        let name = match clip {
            0 => format!("{id}.wav"),
            1 => format!("{id}[30-40].mp3"),
            2 => format!("{id}_30.flac"),
            _ if clip < 5 => continue,
            _ => format!("{id}.wav"),
        };
        tone(&dir.path().join("audio").join(name), clip);
    }
    fs::write(dir.path().join("musiccaps-public.csv"), table).unwrap();
    let data = MusicCaps.read(dir.path(), Split::Test).unwrap();
    let Task::Retrieval(manifest) = &data.task else { panic!() };
    assert_eq!((manifest.rows.len(), data.missing.len()), (4, 2));
    assert!(manifest.rows[0].captions[0].contains("line break, 0"));
    assert_eq!(MusicCaps.read(dir.path(), Split::Train).unwrap().found(), 4);
}

#[test]
fn jamendo_has_as_many_fields_as_tags() {
    let dir = tempfile::tempdir().unwrap();
    let splits = dir.path().join("data/splits/split-0");
    fs::create_dir_all(&splits).unwrap();
    let mut list = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n".to_owned();
    for track in 0..10_u32 {
        let more = if track % 2 == 0 { "\tmood/theme---happy" } else { "" };
        list += &format!("track_{track}\tartist_1\talbum_1\t0{track}/{track}.mp3\t200.1\tgenre---rock{more}\n");
        // The full edition, whole or as the archives unpack, and the one of low quality.
        let name = match track {
            ..4 => format!("0{track}/{track}.mp3"),
            4 => format!("audio/0{track}/{track}.mp3"),
            5 => format!("0{track}/{track}.low.mp3"),
            _ => format!("audio-low/0{track}/{track}.low.mp3"),
        };
        tone(&dir.path().join(name), track);
    }
    fs::write(splits.join("autotagging-test.tsv"), &list).unwrap();
    fs::write(splits.join("autotagging_genre-test.tsv"), "").unwrap();
    let data = Jamendo.read(dir.path(), Split::Test).unwrap();
    let Task::Tagging { tags, clips } = &data.task else { panic!() };
    assert_eq!((tags.as_slice(), clips.len()), (["happy".to_owned(), "rock".to_owned()].as_slice(), 10));
    assert!(clips.iter().enumerate().all(|(i, (_, own))| *own == [i % 2 == 0, true]));
    fs::write(splits.join("autotagging-test.tsv"), list + "track_11\tartist\n").unwrap();
    let error = Jamendo.read(dir.path(), Split::Test).unwrap_err().to_string();
    assert!(error.contains("row 12"), "{error}");
}

#[test]
fn a_folder_that_is_not_there_is_no_incomplete_one() {
    let dir = tempfile::tempdir().unwrap();
    for benchmark in benchmarks() {
        let error = benchmark.read(&dir.path().join("none"), Split::Test).unwrap_err();
        assert!(matches!(error, DataError::NoSuchFolder { .. }), "{}: {error}", benchmark.name());
        assert!(error.to_string().contains("none: the folder does not exist"), "{error}");
    }
    let error = Gtzan.read(dir.path(), Split::Test).unwrap_err();
    assert!(matches!(error, DataError::BenchmarkIncomplete { found: 0, expected: 290, .. }), "{error}");
}

#[test]
fn midicaps_wants_its_music_rendered() {
    let dir = tempfile::tempdir().unwrap();
    let row = |name: &str, caption: &str, test: bool| {
        format!(
            r#"{{"location": "lmd_full/1/{name}.mid", "caption": "{caption}", "genre": ["electronic", "pop"], "tempo": 120, "test_set": {test}}}"#
        )
    };
    let lines = [
        row("a", "A “quoted” synth\\tline", true),
        row("b", "Drums", true),
        row("c", "Piano", false),
        row("d", "", true),
        row("e", "Never rendered", true),
    ];
    fs::write(dir.path().join("captions.json"), lines.join("\n") + "\n\n").unwrap();
    let nothing = MidiCaps.read(dir.path(), Split::Test).unwrap_err();
    assert!(matches!(nothing, DataError::BenchmarkIncomplete { found: 0, expected: 3, .. }), "{nothing}");
    for (i, name) in ["a.wav", "b.flac", "c.wav"].iter().enumerate() {
        tone(&dir.path().join("rendered/lmd_full/1").join(name), i as u32);
    }
    assert!(MidiCaps.is_at(dir.path()) && !Gtzan.is_at(dir.path()));
    let data = MidiCaps.read(dir.path(), Split::Test).unwrap();
    assert_eq!((data.found(), data.missing.len()), (2, 1));
    data.check_half(dir.path()).unwrap();
    let Task::Retrieval(manifest) = &data.task else { panic!("{:?}", data.task) };
    assert_eq!(manifest.rows[0].captions, ["A “quoted” synth\tline"]);
    assert_eq!(manifest.rows[0].label.as_deref(), Some("electronic"));
    // As it is published.
    fs::rename(dir.path().join("captions.json"), dir.path().join("train.json")).unwrap();
    assert!(MidiCaps.is_at(dir.path()));
    assert_eq!(MidiCaps.read(dir.path(), Split::Test).unwrap().found(), 2);
    fs::remove_file(dir.path().join("train.json")).unwrap();
    fs::write(dir.path().join("captions.json"), r#"{"location": 3}"#).unwrap();
    let error = MidiCaps.read(dir.path(), Split::Test).unwrap_err().to_string();
    assert!(error.contains("captions.json") && error.contains("row 1"), "{error}");
}
