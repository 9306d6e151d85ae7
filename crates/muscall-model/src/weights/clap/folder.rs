//! A folder in the hub's layout.

use std::fs;
use std::path::{Path, PathBuf};

use muscall_audio::LogMelConfig;
use muscall_files::FileError;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::checkpoint::fused;
use super::config::{ClapConfig, TextSizes};
use crate::ModelError;
use crate::audio::HtsatConfig;
use crate::hub::main_snapshot;

pub(super) const CONFIG: &str = "config.json";
pub(super) const PREPROCESSOR: &str = "preprocessor_config.json";

/// `config.json`; what is absent has the value of the smaller model.
#[derive(Deserialize)]
struct HubConfig {
    #[serde(default)]
    audio_config: HubAudio,
    #[serde(default)]
    text_config: HubText,
    #[serde(default = "dim")]
    projection_dim: usize,
}

#[derive(Deserialize)]
#[serde(default)]
struct HubAudio {
    patch_embeds_hidden_size: usize,
    depths: Vec<usize>,
    num_attention_heads: Vec<usize>,
    enable_fusion: bool,
}

#[derive(Deserialize)]
#[serde(default)]
struct HubText {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f64,
}

/// `preprocessor_config.json`.
#[derive(Deserialize)]
#[serde(default)]
struct HubPreprocessor {
    sampling_rate: u32,
    fft_window_size: usize,
    hop_length: usize,
    feature_size: usize,
    frequency_min: f32,
    frequency_max: f32,
    truncation: String,
}

fn dim() -> usize {
    512
}

impl Default for HubAudio {
    fn default() -> Self {
        let HtsatConfig { width, depths, heads } = HtsatConfig::tiny();
        Self { patch_embeds_hidden_size: width, depths, num_attention_heads: heads, enable_fusion: false }
    }
}

impl Default for HubText {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            vocab_size: 50_265,
            max_position_embeddings: 514,
            type_vocab_size: 1,
            layer_norm_eps: 1e-12,
        }
    }
}

impl Default for HubPreprocessor {
    fn default() -> Self {
        let clap = LogMelConfig::clap();
        Self {
            sampling_rate: clap.sample_rate,
            fft_window_size: clap.n_fft,
            hop_length: clap.hop,
            feature_size: clap.n_mels,
            frequency_min: clap.f_min,
            frequency_max: clap.f_max,
            truncation: "rand_trunc".to_owned(),
        }
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ModelError> {
    let bytes = fs::read(path).map_err(FileError::reading(path))?;
    serde_json::from_slice(&bytes).map_err(|source| ModelError::ConfigFile { path: path.to_owned(), source })
}

/// The folder itself, or the newest snapshot in a folder of the hub's cache.
pub(super) fn resolve(folder: &Path) -> PathBuf {
    main_snapshot(folder).unwrap_or_else(|| folder.to_owned())
}

/// Sizes and front end.
pub(super) fn read_config(folder: &Path) -> Result<(ClapConfig, LogMelConfig), ModelError> {
    let path = folder.join(CONFIG);
    let HubConfig { audio_config: audio, text_config: text, projection_dim } = read(&path)?;
    if audio.enable_fusion {
        return Err(fused(&path, "enable_fusion: true"));
    }
    let config = ClapConfig {
        audio: HtsatConfig {
            width: audio.patch_embeds_hidden_size,
            depths: audio.depths,
            heads: audio.num_attention_heads,
        },
        text: TextSizes {
            width: text.hidden_size,
            depth: text.num_hidden_layers,
            heads: text.num_attention_heads,
            mlp: text.intermediate_size,
            vocabulary: text.vocab_size,
            positions: text.max_position_embeddings,
            token_types: text.type_vocab_size,
            norm_epsilon: text.layer_norm_eps,
        },
        hidden: projection_dim,
        dim: projection_dim,
    };
    Ok((config, read_front_end(folder)?))
}

fn read_front_end(folder: &Path) -> Result<LogMelConfig, ModelError> {
    let path = folder.join(PREPROCESSOR);
    let hub: HubPreprocessor = if path.exists() { read(&path)? } else { HubPreprocessor::default() };
    if hub.truncation == "fusion" {
        return Err(fused(&path, "truncation: fusion"));
    }
    let mut log_mel = LogMelConfig::clap();
    (log_mel.sample_rate, log_mel.n_fft, log_mel.hop) = (hub.sampling_rate, hub.fft_window_size, hub.hop_length);
    (log_mel.n_mels, log_mel.f_min, log_mel.f_max) = (hub.feature_size, hub.frequency_min, hub.frequency_max);
    Ok(log_mel)
}

/// Heads of the text tower, if a folder of a tokenizer says so.
pub(super) fn text_heads(folder: &Path) -> Option<usize> {
    #[derive(Deserialize)]
    struct Any {
        text_config: Option<HubText>,
        num_attention_heads: Option<usize>,
    }
    let any: Any = read(&folder.join(CONFIG)).ok()?;
    any.text_config.map(|text| text.num_attention_heads).or(any.num_attention_heads)
}
