//! Miniatures of public data sets through the evaluations.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../muscall-data/tests/wav/mod.rs"]
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
    Benchmark, ClassPrompts, Gtzan, Jamendo, SongDescriber, Task, linear_probe, zero_shot_classification,
    zero_shot_tagging,
};
use muscall_train::{DataError, Split, TrainError, evaluate};
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
    let Task::Classification { classes, clips } = &data.task else { panic!("{:?}", data.task) };
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
fn tags_that_all_clips_have_or_none_are_in_no_average() {
    let dir = tempfile::tempdir().unwrap();
    let mut list = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n".to_owned();
    for track in 0..10_u32 {
        let more = if track % 2 == 0 { "\tmood/theme---happy" } else { "" };
        list += &format!("track_{track}\tartist_1\talbum_1\t0{track}/{track}.mp3\t200.1\tgenre---rock{more}\n");
        tone(&dir.path().join(format!("0{track}/{track}.mp3")), track);
    }
    fs::write(dir.path().join("autotagging-test.tsv"), &list).unwrap();
    let data = Jamendo.read(dir.path(), Split::Test).unwrap();
    let Task::Tagging { tags, clips } = &data.task else { panic!() };
    let report = zero_shot_tagging(&model(), tags, clips, &ClassPrompts::default()).unwrap();
    // Every track is rock.
    assert_eq!(report.undefined, ["rock"]);
    assert_eq!(report.metrics.roc_auc.len(), 2);
    assert!(report.unreadable.is_empty() && (0.0..=1.0).contains(&report.metrics.roc_auc_macro));
}

#[test]
fn all_captions_of_a_track_are_queries() {
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
    let result = evaluate(&model(), manifest).unwrap();
    assert_eq!((result.tracks, result.captions), (4, 8));
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
    assert!(matches!(ClassPrompts::read(&path), Err(TrainError::Data(DataError::NotUtf8 { line: 2, .. }))));
}
