//! Miniatures of public data sets, with the quirks of the real ones, through the evaluations.
#![allow(missing_docs, clippy::unwrap_used)]

mod wav;

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;
use muscall_model::audio::ResNetConfig;
use muscall_model::text::TransformerConfig;
use muscall_model::weights::state_of;
use muscall_model::{ClipTokenizer, Muscall, MuscallConfig};
use muscall_train::benchmark::{
    Benchmark, ClassPrompts, Gtzan, Jamendo, MagnaTagATune, MidiCaps, MusicCaps, SongDescriber, Task, benchmarks,
    linear_probe, zero_shot_classification, zero_shot_tagging,
};
use muscall_train::{Split, TrainError, evaluate};
use wav::write_wav;

static ONE_DRAW: Mutex<()> = Mutex::new(());

fn model() -> Muscall {
    let audio = ResNetConfig::new(2).with_hidden(8);
    let text = TransformerConfig::new(1).with_width(8, 2);
    let config = MuscallConfig { audio: audio.into(), text: text.into(), clip_s: 1.0, ..MuscallConfig::tiny() };
    let device = Device::flex();
    // Weights are drawn from the state of the process when they are first looked at.
    let _one_draw = ONE_DRAW.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(1);
    let model = config.init(&device).unwrap();
    let _ = state_of(&model);
    Muscall::new(config, &model, ClipTokenizer::new().unwrap(), &device).unwrap()
}

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
fn gtzan_names_its_broken_file_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let genres = dir.path().join("genres_original");
    for (i, name) in ["blues/blues.00012.wav", "blues/blues.00013.au", "rock/rock.00010.wav", "metal/metal.00003.wav"]
        .iter()
        .enumerate()
    {
        tone(&genres.join(name), i as u32);
    }
    // jazz.00054 of the common copy; it is in the training split.
    fs::create_dir_all(genres.join("jazz")).unwrap();
    fs::write(genres.join("jazz/jazz.00054.wav"), b"RIFF\0\0\0\0 this is not audio").unwrap();
    let data = Gtzan.read(dir.path(), Split::Test).unwrap();
    assert_eq!(data.found() + data.missing.len(), 290);
    assert!((3..=4).contains(&data.found()), "{}", data.found());
    assert!(matches!(data.check_half(dir.path()), Err(TrainError::BenchmarkIncomplete { expected: 290, .. })));
    let Task::Classification { classes, clips } = &data.task else { panic!("{:?}", data.task) };
    assert_eq!((classes.len(), classes[0].as_str()), (10, "blues"));
    let (found, unreadable) = zero_shot_classification(&model(), classes, clips, &ClassPrompts::default()).unwrap();
    assert_eq!((found.clips, unreadable.len()), (data.found(), 0));
    assert_eq!(found.confusion.iter().flatten().sum::<usize>(), data.found());
    // Wherever the broken file is listed, it is named and left out.
    let list = [Split::Train, Split::Val].map(|split| Gtzan.read(dir.path(), split));
    let mut named = 0;
    for data in list.into_iter().flatten() {
        let Task::Classification { classes, clips } = &data.task else { panic!() };
        if clips.len() > 1 {
            let (_, unreadable) = zero_shot_classification(&model(), classes, clips, &ClassPrompts::default()).unwrap();
            assert!(unreadable.iter().all(|error| error.to_string().contains("jazz.00054")));
            named += unreadable.len();
        }
    }
    assert_eq!(named, 1);
}

#[test]
fn a_linear_probe_learns_what_zero_shot_does_not_know() {
    let dir = tempfile::tempdir().unwrap();
    // Tones are one class, noise is the other: even a network with random weights hears that.
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 17) as i16 - 16_384
    };
    let clips: Vec<_> = (0..24_u32)
        .map(|i| {
            let path = dir.path().join(format!("{i}.wav"));
            if i % 2 == 0 {
                tone(&path, i);
            } else {
                write_wav(&path, (0..24_000).map(|_| noise()));
            }
            (path, (i % 2) as usize)
        })
        .collect();
    let (found, unreadable) = linear_probe(&model(), 2, &clips[..16], &clips[16..]).unwrap();
    assert_eq!((found.clips, unreadable.len()), (8, 0));
    assert!(found.accuracy > 0.9, "{found:?}");
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
    let report = zero_shot_tagging(&model(), tags, clips, &ClassPrompts::default()).unwrap();
    assert_eq!((report.undefined.len(), report.metrics.roc_auc.len()), (47, 50));
    assert!(report.unreadable.is_empty() && (0.0..=1.0).contains(&report.metrics.roc_auc_macro));
    assert_eq!(MagnaTagATune.read(dir.path(), Split::Train).unwrap().found(), 2);
    let error = MagnaTagATune.read(&dir.path().join("mp3"), Split::Test).unwrap_err();
    assert!(matches!(error, TrainError::Io { .. }) && !error.to_string().contains("quotes"), "{error}");
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
    let result = evaluate(&model(), manifest).unwrap();
    assert_eq!((result.tracks, result.captions), (4, 8));
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
    assert_eq!(evaluate(&model(), manifest).unwrap().tracks, 4);
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
        tone(&dir.path().join(format!("0{track}/{track}.mp3")), track);
    }
    fs::write(splits.join("autotagging-test.tsv"), &list).unwrap();
    fs::write(splits.join("autotagging_genre-test.tsv"), "").unwrap();
    let data = Jamendo.read(dir.path(), Split::Test).unwrap();
    let Task::Tagging { tags, clips } = &data.task else { panic!() };
    assert_eq!((tags.as_slice(), clips.len()), (["happy".to_owned(), "rock".to_owned()].as_slice(), 10));
    let report = zero_shot_tagging(&model(), tags, clips, &ClassPrompts::default()).unwrap();
    // Every track is rock.
    assert_eq!(report.undefined, ["rock"]);
    fs::write(splits.join("autotagging-test.tsv"), list + "track_11\tartist\n").unwrap();
    let error = Jamendo.read(dir.path(), Split::Test).unwrap_err().to_string();
    assert!(error.contains("row 12"), "{error}");
}

#[test]
fn a_folder_that_is_not_there_is_no_incomplete_one() {
    let dir = tempfile::tempdir().unwrap();
    for benchmark in benchmarks() {
        let error = benchmark.read(&dir.path().join("none"), Split::Test).unwrap_err();
        assert!(matches!(error, TrainError::NoSuchFolder { .. }), "{}: {error}", benchmark.name());
        assert!(error.to_string().contains("none: the folder does not exist"), "{error}");
    }
    let error = Gtzan.read(dir.path(), Split::Test).unwrap_err();
    assert!(matches!(error, TrainError::BenchmarkIncomplete { found: 0, expected: 290, .. }), "{error}");
}

#[test]
fn prompts_come_from_a_small_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("prompts.toml");
    fs::write(&path, "templates = [\"A {} track\", \"{} music\"]\n[words]\nhiphop = [\"hip hop\", \"rap\"]\n").unwrap();
    let prompts = ClassPrompts::read(&path).unwrap();
    assert_eq!(prompts.prompts("hiphop"), ["A hip hop track", "hip hop music", "A rap track", "rap music"]);
    assert_eq!(prompts.prompts("jazz"), ["A jazz track", "jazz music"]);
    for (text, part) in [("template = []", "template"), ("templates = []", "templates")] {
        fs::write(&path, text).unwrap();
        assert!(ClassPrompts::read(&path).unwrap_err().to_string().contains(part));
    }
    fs::write(&path, b"templates = [\n\"fa\xe7ade {}\"]").unwrap();
    assert!(matches!(ClassPrompts::read(&path), Err(TrainError::NotUtf8 { line: 2, .. })));
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
    assert!(matches!(nothing, TrainError::BenchmarkIncomplete { found: 0, expected: 3, .. }), "{nothing}");
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
    assert_eq!(evaluate(&model(), manifest).unwrap().tracks, 2);
    fs::write(dir.path().join("captions.json"), r#"{"location": 3}"#).unwrap();
    let error = MidiCaps.read(dir.path(), Split::Test).unwrap_err().to_string();
    assert!(error.contains("captions.json") && error.contains("row 1"), "{error}");
}
