//! The configuration of the released implementation, as YAML or JSON.

use std::fs;
use std::path::Path;

use muscall_audio::LogMelConfig;
use muscall_files::FileError;
use serde::Deserialize;
use serde_yaml_ng::Value;

use crate::audio::{Pooling, ResNetConfig};
use crate::text::TransformerConfig;
use crate::{ModelError, MuscallConfig, Temperature};

#[derive(Deserialize)]
struct Released {
    projection_dim: usize,
    #[serde(default)]
    temperature: Option<f64>,
    audio: Audio,
    text: Text,
}

#[derive(Deserialize)]
struct Audio {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    pooling: Option<String>,
    audio_len_seconds: f64,
    hidden_size: usize,
    conv_out_channels: usize,
    n_mels: usize,
    sample_rate: u32,
    n_fft: usize,
    #[serde(default)]
    hop_length: Option<usize>,
    f_min: f32,
    f_max: f32,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    frozen_layers: Option<Value>,
    num_hidden_layers: usize,
    hidden_size: usize,
    num_attention_heads: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
    #[serde(default)]
    dropout: f64,
}

/// Reads the configuration of a released model: the whole file, or its `model_config`. Keys that do
/// not concern the model are not looked at.
///
/// # Errors
/// [`ModelError::ReleasedConfig`] for what does not parse or is another model, [`ModelError::Io`],
/// or what [`MuscallConfig::validate`] finds.
pub fn read_released_config(path: &Path) -> Result<MuscallConfig, ModelError> {
    let bytes = fs::read(path).map_err(FileError::reading(path))?;
    let wrong = |reason: String| ModelError::ReleasedConfig { path: path.to_owned(), reason };
    let text = String::from_utf8(bytes).map_err(|error| wrong(format!("{error}; save it as UTF-8")))?;
    // JSON is YAML.
    let whole: Value = serde_yaml_ng::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let model = whole.get("model_config").or_else(|| whole.get("model").filter(|model| model.is_mapping()));
    let model = model.unwrap_or(&whole).clone();
    let released: Released = serde_yaml_ng::from_value(model).map_err(|error| wrong(error.to_string()))?;
    let Released { projection_dim, temperature, audio, text } = released;
    for (field, found, expected) in
        [("audio.model", &audio.model, "ModifiedResNet"), ("text.model", &text.model, "TextTransformer")]
    {
        if let Some(found) = found.as_deref().filter(|found| *found != expected) {
            return Err(wrong(format!("`{field}` is {found}, only {expected} can be imported")));
        }
    }
    let pooling = match audio.pooling.as_deref() {
        Some("attention") => Pooling::Attention,
        None | Some("average" | "avg" | "mean") => Pooling::Average,
        Some(other) => return Err(wrong(format!("`audio.pooling` is {other}, expected attention or average"))),
    };
    let log_mel = LogMelConfig::new(audio.n_mels)
        .with_sample_rate(audio.sample_rate)
        .with_n_fft(audio.n_fft)
        .with_hop(audio.hop_length.unwrap_or(audio.n_fft / 2))
        .with_f_min(audio.f_min)
        .with_f_max(audio.f_max);
    let frozen_layers = match &text.frozen_layers {
        None | Some(Value::Null) => 0,
        Some(Value::Sequence(layers)) => layers.len(),
        Some(value) => value.as_u64().ok_or_else(|| wrong("`text.frozen_layers` is not a number".to_owned()))? as usize,
    };
    let encoder = TransformerConfig {
        width: text.hidden_size,
        depth: text.num_hidden_layers,
        heads: text.num_attention_heads,
        dropout: text.dropout,
        vocabulary: text.vocab_size,
        context: text.max_position_embeddings,
        frozen_layers,
    };
    let resnet = ResNetConfig::new(audio.conv_out_channels).with_hidden(audio.hidden_size).with_pooling(pooling);
    let config = MuscallConfig::new(resnet, encoder)
        .with_clip_s(audio.audio_len_seconds)
        .with_projection_dim(projection_dim)
        .with_temperature(temperature.map_or(Temperature::Learned(0.07), Temperature::Fixed))
        .with_log_mel(log_mel);
    config.validate()?;
    Ok(config)
}
