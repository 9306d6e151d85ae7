//! The names that spaces had before names had versions.
//!
//! They were hashes of the `Debug` text of the configuration, as the compiler wrote it then. That text is written
//! here by hand, and **never changes**: whatever happens to the structs, what was kept under such a name must go on
//! being found. A field that was added since has had one value then, and is not in the text.

use muscall_audio::{LogMelConfig, Padding, PowerScale};

use super::former_sentence::hash;
#[cfg(feature = "sentence")]
use super::former_sentence::minilm;
use crate::audio::{CrnnConfig, Pooling, ResNetConfig};
#[cfg(feature = "sentence")]
use crate::text::SentenceTowerConfig;
use crate::text::{TransformerConfig, WordVectorsConfig};
use crate::tower::{AudioEncoderConfig, TextEncoderConfig};
use crate::weights::Tensors;
use crate::{MuscallConfig, OtherLengths, Segments, Temperature, WindowPooling};

/// Of a model. Neither tokenizer nor frozen encoder nor word vectors were in it.
pub(crate) fn model<T: Tensors>(config: &MuscallConfig, tensors: &T) -> Result<Option<String>, T::Error> {
    model_text(config).map(|text| hash(&text, tensors)).transpose()
}

fn model_text(config: &MuscallConfig) -> Option<String> {
    let MuscallConfig {
        clip_s,
        projection_dim,
        project,
        head: _, // came later
        temperature,
        log_mel,
        audio,
        text,
        padding,
        other_lengths,
        segment_hop_s,
        segments,
        text_logit_scale: _, // came later
    } = config;
    // These came later: there were no such vectors then.
    if *padding != Padding::Zeros || *segments != Segments::Separate {
        return None;
    }
    let temperature = match temperature {
        Temperature::Learned(tau) => format!("Learned({tau:?})"),
        Temperature::Fixed(tau) => format!("Fixed({tau:?})"),
    };
    let other_lengths = match other_lengths {
        OtherLengths::Interpolate => "Interpolate".to_owned(),
        OtherLengths::Windows { hop_s, pooling: WindowPooling::Mean } => {
            format!("Windows {{ hop_s: {hop_s:?}, pooling: Mean }}")
        }
    };
    let segment_hop_s = segment_hop_s.map_or("None".to_owned(), |hop_s| format!("Some({hop_s:?})"));
    // The frontend's fingerprint stood before the configuration.
    Some(format!(
        "{}MuscallConfig {{ clip_s: {clip_s:?}, projection_dim: {projection_dim}, project: {project}, \
         temperature: {temperature}, log_mel: {}, audio: {}, text: {}, other_lengths: {other_lengths}, \
         segment_hop_s: {segment_hop_s} }}",
        log_mel.fingerprint(),
        log_mel_text(log_mel),
        audio_text(audio)?,
        text_text(text)?,
    ))
}

fn log_mel_text(config: &LogMelConfig) -> String {
    let LogMelConfig {
        sample_rate,
        n_fft,
        hop,
        n_mels,
        f_min,
        f_max,
        top_db,
        scale,
        mel_scale: _,
        area_norm: _,
        window_norm: _,
        amin: _,
        resampling: _,
        loudness: _,
        loudness_db: _,
    } = config;
    let top_db = top_db.map_or("None".to_owned(), |top_db| format!("{top_db:?}"));
    let scale = match scale {
        PowerScale::Decibel => "Decibel",
        PowerScale::NaturalLog => "NaturalLog",
    };
    format!(
        "LogMelConfig {{ sample_rate: {sample_rate}, n_fft: {n_fft}, hop: {hop}, n_mels: {n_mels}, f_min: {f_min:?}, \
         f_max: {f_max:?}, top_db: {top_db}, scale: {scale} }}"
    )
}

/// Kinds that came later have none.
fn audio_text(config: &AudioEncoderConfig) -> Option<String> {
    if let Some(ResNetConfig { width, hidden, pooling, frozen_norms }) = config.downcast_ref() {
        let pooling = match pooling {
            Pooling::Attention => "Attention",
            Pooling::Average => "Average",
        };
        return Some(format!(
            "ResNet(ResNetConfig {{ width: {width}, hidden: {hidden}, pooling: {pooling}, \
             frozen_norms: {frozen_norms} }})"
        ));
    }
    let CrnnConfig { channels, recurrent, dropout } = config.downcast_ref()?;
    Some(format!("Crnn(CrnnConfig {{ channels: {channels}, recurrent: {recurrent}, dropout: {dropout:?} }})"))
}

fn text_text(config: &TextEncoderConfig) -> Option<String> {
    if let Some(config) = config.downcast_ref() {
        let TransformerConfig { width, depth, heads, dropout, vocabulary, context, frozen_layers } = config;
        return Some(format!(
            "Transformer(TransformerConfig {{ width: {width}, depth: {depth}, heads: {heads}, dropout: {dropout:?}, \
             vocabulary: {vocabulary}, context: {context}, frozen_layers: {frozen_layers} }})"
        ));
    }
    #[cfg(feature = "sentence")]
    if let Some(SentenceTowerConfig { model, fine_tune, hidden, encoder }) = config.downcast_ref() {
        let hidden = hidden.map_or("None".to_owned(), |hidden| format!("Some({hidden})"));
        return Some(format!(
            "Sentence(SentenceTowerConfig {{ model: {model:?}, fine_tune: {fine_tune}, hidden: {hidden}, \
             encoder: {} }})",
            minilm(encoder)
        ));
    }
    let WordVectorsConfig { file, dim, keep } = config.downcast_ref()?;
    Some(format!("WordVectors(WordVectorsConfig {{ file: {file:?}, dim: {dim}, keep: {keep} }})"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    /// Texts that the compiler wrote then.
    fn names() -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/former/names.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn texts_are_those_of_then_byte_for_byte() {
        for former in names()["models"].as_array().unwrap() {
            if cfg!(not(feature = "sentence")) && former["config"]["text"]["kind"] == "sentence" {
                continue;
            }
            let config = serde_json::from_value(former["config"].clone()).unwrap();
            assert_eq!(model_text(&config).unwrap(), former["text"].as_str().unwrap(), "{}", former["what"]);
        }
        #[cfg(feature = "sentence")]
        for former in names()["encoders"].as_array().unwrap() {
            let config = serde_json::from_value(former["config"].clone()).unwrap();
            assert_eq!(minilm(&config), former["text"].as_str().unwrap());
        }
    }

    /// The texts above lean on how the library writes numbers and strings.
    #[test]
    fn numbers_and_strings_are_written_as_they_were() {
        let numbers = [
            (1.0, "1.0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e-5, "1e-5"),
            (0.0001, "0.0001"),
            (0.000_099, "9.9e-5"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e16"),
            (-0.0, "-0.0"),
            (1.0 / 3.0, "0.3333333333333333"),
        ];
        for (number, text) in numbers {
            assert_eq!(format!("{number:?}"), text);
        }
        assert_eq!(format!("{:?} {:?} {:?}", 0.1_f32, 7999.9995_f32, 1e-7_f32), "0.1 7999.9995 1e-7");
        let odd = "a \"b\" 'c' \\ \u{e4}\u{5c0f}\n\t\u{7f}\u{200b}\u{0}";
        let written = r#""a \"b\" 'c' \\ ä小\n\t\u{7f}\u{200b}\0""#;
        assert_eq!(format!("{odd:?}"), written);
        assert_eq!(format!("{:?}", Path::new(odd)), written);
    }
}
