//! The name of a whole model's space, from the descriptions and weights of its two towers.

use muscall_audio::Padding;
use muscall_vectors::Fingerprint;

use super::{Description, former};
use crate::weights::Tensors;
use crate::{MuscallConfig, OtherLengths, Segments, WindowPooling};

/// One side of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tower {
    Audio,
    Text,
}

impl Tower {
    /// Whether a tensor is of this side: the temperature is of neither.
    pub(crate) fn has(self, name: &str) -> bool {
        let part = name.split('.').next().unwrap_or_default();
        match self {
            Self::Audio => part == "audio" || part == "audio_projection",
            Self::Text => part == "text" || part == "text_projection",
        }
    }
}

/// The name of a model's space, and the one that it had before names had versions.
///
/// `words` identifies what of the text side is not trained: tokenizer, frozen encoder or word vectors.
///
/// # Errors
/// That of tensors which cannot be read.
pub(crate) fn name_of<T: Tensors>(config: &MuscallConfig, tensors: &T, words: &str) -> Result<Fingerprint, T::Error> {
    let of = |tower| tower_hash(config, tensors, words, tower);
    let name = Fingerprint::of_towers(of(Tower::Audio)?, of(Tower::Text)?);
    Ok(match former::model(config, tensors)? {
        Some(former) => name.with_former(former),
        None => name,
    })
}

/// What names one side.
///
/// # Errors
/// The same.
pub(crate) fn tower_hash<T: Tensors>(
    config: &MuscallConfig,
    tensors: &T,
    words: &str,
    tower: Tower,
) -> Result<u64, T::Error> {
    let (audio, text) = describe(config, words);
    let description = match tower {
        Tower::Audio => audio,
        Tower::Text => text,
    };
    description.hash(tensors, |name| tower.has(name))
}

/// A hash of what decides vectors besides the weights.
pub(crate) fn described(config: &MuscallConfig, words: &str) -> String {
    let (audio, text) = describe(config, words);
    format!("{:016x}{:016x}", audio.text_hash(), text.text_hash())
}

/// What decides the vectors of each tower besides its weights.
fn describe(config: &MuscallConfig, words: &str) -> (Description, Description) {
    // Every field by name: whoever adds one decides here whether it changes a vector.
    let MuscallConfig {
        clip_s,
        projection_dim,
        project,
        head,
        temperature: _, // scales similarities, never a vector
        log_mel,
        audio: hears,
        text: reads,
        padding,
        other_lengths,
        segment_hop_s: _, // as what it stands for, below
        segments,
        text_logit_scale: _, // nothing uses it
    } = config;
    let (mut audio, mut text) = (Description::new("audio tower 1"), Description::new("text tower 1"));
    audio.field("clip_s", *clip_s);
    audio.unless(clip_s / 2.0, "segment_hop_s", config.segment_hop_s());
    let segments = match segments {
        Segments::Separate => "separate",
        Segments::Shared => "shared",
    };
    audio.unless("separate", "segments", segments);
    let padding = match padding {
        Padding::Zeros => "zeros",
        Padding::Repeat => "repeat",
    };
    audio.unless("zeros", "padding", padding);
    match other_lengths {
        OtherLengths::Interpolate => {}
        OtherLengths::Windows { hop_s, pooling: WindowPooling::Mean } => audio.field("window_hop_s", *hop_s),
    }
    // Itself a canonical text of all that changes a spectrogram.
    audio.field("log_mel", log_mel.fingerprint().as_str());
    hears.describe(&mut audio);
    text.field("words", words);
    reads.describe(&mut text);
    for tower in [&mut audio, &mut text] {
        tower.field("dim", *projection_dim);
        match project {
            true => head.describe(tower),
            false => tower.field("head", "none"),
        }
    }
    (audio, text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Fields that decide no vector, by their path in a configuration.
    const TRAINING_ONLY: [&str; 7] =
        ["temperature", "frozen_norms", "dropout", "frozen_layers", "text.model", "text.file", "text.keep"];

    /// Every field of these is looked at, and every kind of encoder.
    fn configs() -> Vec<Value> {
        let log_mel = serde_json::json!({
            "sample_rate": 16000, "n_fft": 1024, "hop": 512, "n_mels": 128, "f_min": 0.0, "f_max": 8000.0,
            "top_db": 100.0, "scale": "decibel", "mel_scale": "slaney", "area_norm": true, "window_norm": false,
            "amin": 1e-9, "resampling": "high_quality", "loudness": "rms", "loudness_db": -18.0,
        });
        let resnet = serde_json::json!({
            "kind": "resnet", "width": 4, "hidden": 16, "pooling": "attention", "frozen_norms": false,
        });
        let crnn = serde_json::json!({ "kind": "crnn", "channels": 4, "recurrent": 6, "dropout": 0.3 });
        let transformer = serde_json::json!({
            "kind": "transformer", "width": 16, "depth": 2, "heads": 2, "dropout": 0.2, "vocabulary": 49408,
            "context": 77, "frozen_layers": 0,
        });
        let vectors = serde_json::json!({ "kind": "word_vectors", "file": "a.bin", "dim": 8, "keep": 3 });
        #[allow(unused_mut)]
        let mut texts = vec![transformer, vectors];
        #[cfg(feature = "sentence")]
        texts.push(serde_json::json!({
            "kind": "sentence", "model": "a", "fine_tune": true, "hidden": 7, "encoder": {
                "width": 16, "depth": 2, "heads": 2, "mlp": 32, "vocabulary": 64, "positions": 32, "context": 32,
                "dropout": 0.1, "position_offset": 0, "token_types": 2, "norm_epsilon": 1e-12, "pooling": "mean",
                "unit_norm": true, "trim": true,
            },
        }));
        let windows = serde_json::json!({ "kind": "windows", "hop_s": 0.5, "pooling": "mean" });
        let config = |audio: &Value, text: &Value| {
            serde_json::json!({
                "clip_s": 2.0, "projection_dim": 8, "project": true, "temperature": { "learned": 0.07 },
                "head": { "mlp": { "hidden": 5, "activation": "relu" } }, "padding": "repeat", "log_mel": log_mel, "audio": audio, "text": text, "other_lengths": windows, "segment_hop_s": 0.75, "segments": "shared",
            })
        };
        texts.iter().flat_map(|text| [&resnet, &crnn].map(|audio| config(audio, text))).collect()
    }

    /// Paths of all values that hold no others.
    fn leaves(value: &Value, path: &str, all: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    leaves(value, &format!("{path}/{name}"), all);
                }
            }
            _ => all.push(path.to_owned()),
        }
    }

    /// Another value of the same type; none where there is one alone, or another would be of another kind of encoder.
    fn other(path: &str, value: &Value) -> Option<Value> {
        Some(match value {
            Value::Bool(value) => (!value).into(),
            Value::Number(number) if number.is_u64() => (number.as_u64()? + 1).into(),
            Value::Number(number) => (number.as_f64()? * 1.25 + 0.125).into(),
            Value::String(value) => match (path.rsplit('/').next()?, value.as_str()) {
                ("kind", _) | ("pooling", "mean") => return None,
                ("pooling", "attention") => "average".into(),
                ("scale", "decibel") => "natural_log".into(),
                ("activation", "relu") => "gelu".into(),
                ("padding", "repeat") => "zeros".into(),
                ("segments", "shared") => "separate".into(),
                ("loudness", "rms") => "ebur128".into(),
                ("mel_scale", "slaney") => "htk".into(),
                ("resampling", "high_quality") => "torchaudio".into(),
                ("model" | "file", _) => "elsewhere".into(),
                (name, value) => panic!("another value of `{name}` than {value}?"),
            },
            _ => panic!("{path}: {value}"),
        })
    }

    fn hashes(config: &Value) -> (u64, u64) {
        let config: MuscallConfig = serde_json::from_value(config.clone()).unwrap();
        let (audio, text) = describe(&config, "words");
        (audio.text_hash(), text.text_hash())
    }

    #[test]
    fn each_field_that_decides_a_vector_moves_the_name_and_no_other_does() {
        for config in configs() {
            // What is written is what there is: a field that is added is missing above.
            let whole: MuscallConfig = serde_json::from_value(config.clone()).unwrap();
            let (mut paths, mut written) = (Vec::new(), Vec::new());
            leaves(&config, "", &mut paths);
            leaves(&serde_json::to_value(&whole).unwrap(), "", &mut written);
            paths.sort();
            written.sort();
            assert_eq!(paths, written);
            let before = hashes(&config);
            for path in paths {
                let mut changed = config.clone();
                let field = changed.pointer_mut(&path).unwrap();
                let Some(value) = other(&path, field) else { continue };
                *field = value;
                let after = hashes(&changed);
                let name = path.trim_start_matches('/').replace('/', ".");
                let silent = TRAINING_ONLY.iter().any(|field| name.starts_with(field) || name.ends_with(field));
                // The sides share the joint space alone.
                let both = name.starts_with("project") || name.starts_with("head");
                let moved = (before.0 != after.0, before.1 != after.1);
                let expected = match silent {
                    true => (false, false),
                    false => (both || !name.starts_with("text"), both || name.starts_with("text")),
                };
                assert_eq!(moved, expected, "{name}: {:?}", changed.pointer(&path));
            }
        }
    }

    #[test]
    fn kinds_of_encoders_have_different_names() {
        let all: Vec<(u64, u64)> = configs().iter().map(hashes).collect();
        for (i, one) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|other| other != one));
        }
    }

    #[test]
    fn a_hop_that_is_written_down_is_the_same_as_the_usual_one() {
        let mut config = configs().remove(0);
        config["segment_hop_s"] = Value::Null;
        let before = hashes(&config);
        config["segment_hop_s"] = 1.0.into();
        assert_eq!(hashes(&config), before);
        config["segment_hop_s"] = 0.75.into();
        assert_ne!(hashes(&config), before);
    }
}
