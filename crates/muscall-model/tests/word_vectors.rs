//! Word vectors from both formats of word2vec, and what is wrong with a file by name.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use burn::tensor::Device;
use muscall_model::text::WordVectors;
use muscall_model::text::word_vectors::words;
use muscall_model::{ModelError, Muscall, MuscallConfig};

const WORDS: [(&str, [f32; 3]); 4] =
    [("the", [1.0, 0.0, 0.5]), ("jazz", [0.0, 2.0, -1.5]), ("Jazz", [9.0, 9.0, 9.0]), ("piano", [-0.25, 1e-3, 4.0])];

fn text_file(path: &Path, header: bool) {
    let mut text = String::new();
    if header {
        writeln!(text, "{} 3", WORDS.len()).unwrap();
    }
    for (word, row) in WORDS {
        writeln!(text, "{word} {} {} {}", row[0], row[1], row[2]).unwrap();
    }
    fs::write(path, text).unwrap();
}

/// `newline`: the original tool ends rows with one, others do not.
fn binary_file(path: &Path, newline: bool) {
    let mut bytes = format!("{} 3\n", WORDS.len()).into_bytes();
    for (word, row) in WORDS {
        bytes.extend(format!("{word} ").bytes());
        row.iter().for_each(|x| bytes.extend(x.to_le_bytes()));
        bytes.extend(newline.then_some(b'\n'));
    }
    fs::write(path, bytes).unwrap();
}

fn vocabulary(words: &[&str]) -> HashSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn read(path: &Path) -> Result<WordVectors, ModelError> {
    WordVectors::read(path, &vocabulary(&["jazz", "piano", "oboe"]), 1)
}

#[test]
fn all_formats_give_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vectors");
    let writers: [&dyn Fn(&Path); 4] =
        [&|path| text_file(path, true), &|path| text_file(path, false), &|path| binary_file(path, true), &|path| {
            binary_file(path, false);
        }];
    for write in writers {
        write(&path);
        let vectors = read(&path).unwrap();
        // The captions' words, and the first word of the file.
        assert_eq!((vectors.len(), vectors.dim()), (3, 3));
        assert!(vectors.contains("the") && !vectors.contains("Jazz"));
        assert_eq!(vectors.embed("Jazz, piano!"), [-0.125, 1.0005, 1.25]);
        let saved = dir.path().join("saved");
        vectors.save(&saved).unwrap();
        let again = WordVectors::read(&saved, &HashSet::new(), usize::MAX).unwrap();
        assert_eq!(again.embed("the jazz piano oboe"), vectors.embed("the jazz piano oboe"));
    }
}

#[test]
fn an_unknown_word_is_drawn_around_the_others_and_always_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vectors.txt");
    let mut text = String::new();
    let mut state = 1_u32;
    for word in 0..200 {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state) / f64::from(u32::MAX)
        };
        writeln!(text, "w{word} {} {}", 5.0 + 0.1 * next(), -3.0 + 2.0 * next()).unwrap();
    }
    fs::write(&path, text).unwrap();
    let vectors = WordVectors::read(&path, &HashSet::new(), 200).unwrap();
    assert_eq!(vectors.embed("theremin"), vectors.embed("Theremin"));
    let drawn: Vec<Vec<f32>> = (0..500).map(|i| vectors.embed(&format!("unknown{i}"))).collect();
    for (i, (mean, deviation)) in [(5.05, 0.1 / 12.0_f64.sqrt()), (-2.0, 2.0 / 12.0_f64.sqrt())].into_iter().enumerate()
    {
        let values: Vec<f64> = drawn.iter().map(|row| f64::from(row[i])).collect();
        let found = values.iter().sum::<f64>() / 500.0;
        let spread = (values.iter().map(|x| (x - found).powi(2)).sum::<f64>() / 500.0).sqrt();
        assert!((found - mean).abs() < 0.2 * deviation && (spread / deviation - 1.0).abs() < 0.15, "{found} {spread}");
    }
}

#[test]
fn a_caption_without_words_has_a_vector() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vectors.txt");
    text_file(&path, true);
    let vectors = read(&path).unwrap();
    assert_eq!(vectors.embed("—!").len(), 3);
    assert_eq!(
        words("Rock'n'roll, Drum & bass; 90's 'cello").collect::<Vec<_>>(),
        ["rock'n'roll", "drum", "bass", "90's", "cello"]
    );
}

#[test]
fn damaged_files_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vectors");
    let refuse = |bytes: &[u8], part: &str| {
        fs::write(&path, bytes).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("vectors") && error.contains(part), "{error}");
    };
    refuse(b"", "0 dimensions");
    refuse(b"2 0\n", "0 dimensions");
    refuse(b"2 99999999999\n", "dimensions");
    refuse(b"2 3\njazz 1 2\npiano 1 2 3\n", "");
    refuse(b"2 3\nthe 1 2 3\njazz 1 x 3\n", "not a number");
    refuse(b"the 1 2 3\njazz 1 2\n", "2 numbers");
    refuse(b"2 3\nthe 1 2 nan\n", "not a number");
    refuse(b"3 3\nthe 1 2 3\njazz 1 2 3\n", "after 2 of 3 words");
    binary_file(&path, true);
    let whole = fs::read(&path).unwrap();
    for end in [5, 12, 30, whole.len() - 3] {
        refuse(&whole[..end], "");
    }
    // A count that the file does not hold costs nothing but the error.
    refuse(&[b"99999999999999 3\n".as_slice(), &whole[4..20]].concat(), "cut off");
}

#[test]
fn the_baseline_survives_in_a_bundle_and_masks_padding() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vectors.txt");
    let mut text = String::new();
    for (i, word) in ["calm", "piano", "loud", "drums"].iter().enumerate() {
        let row: Vec<String> = (0..300).map(|j| format!("{:.4}", ((i * 300 + j) as f64 * 0.7).sin())).collect();
        writeln!(text, "{word} {}", row.join(" ")).unwrap();
    }
    fs::write(&path, text).unwrap();
    let config = MuscallConfig::dcase(&path).with_clip_s(2.0);
    let device = Device::flex();
    let frontend = config.text.frontend(&mut ["calm piano", "loud drums"].into_iter(), &device).unwrap();
    let model = config.init(&device).unwrap();
    let model = Muscall::new(config, &model, frontend, &device).unwrap();
    let words = model.embed_text(["calm piano", "loud oboe"]).unwrap();
    assert_eq!(words.dim(), 300);
    let clip: Vec<f32> = (0..32_000).map(|i| (f64::from(i) * 0.05).sin() as f32 * 0.3).collect();
    let music = model.embed_clips(&[&clip]).unwrap();
    let bundle = dir.path().join("bundle");
    model.save(&bundle).unwrap();
    fs::remove_file(&path).unwrap();
    let loaded = Muscall::load(&bundle, &device).unwrap();
    assert_eq!(loaded.embed_text(["calm piano", "loud oboe"]).unwrap(), words);
    assert_eq!(loaded.embed_clips(&[&clip]).unwrap(), music);

    // Half a second of music and padding: what counts as padding makes a difference.
    let mut padded = vec![0.0; 32_000];
    padded[..8_000].copy_from_slice(&clip[..8_000]);
    let as_loaded = |valid| muscall_audio::Clip { samples: padded.clone(), valid, start_s: 0.0, repairs: Vec::new() };
    let whole = model.embed_clips(&[&padded]).unwrap();
    assert_eq!(model.embed_loaded(&[as_loaded(32_000)]).unwrap(), whole);
    assert_ne!(model.embed_loaded(&[as_loaded(8_000)]).unwrap(), whole);
}
