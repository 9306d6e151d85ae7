//! A model of ours in the hub's layout, as transformers' `ClapModel` reads it.

use std::path::Path;

use muscall_audio::{LogMelConfig, Padding};
use muscall_files::{FileError, replace, replace_bytes};
use serde_json::{Value, json};

use super::names::{TEXT_LOGIT_SCALE, hub_name};
use crate::audio::HtsatConfig;
use crate::text::SentenceTowerConfig;
use crate::text::bert::{BertConfig, BertPooling};
use crate::weights::{StateDict, write_safetensors};
use crate::{Activation, HeadConfig, LOGIT_SCALE, ModelError, Muscall, MuscallConfig};

/// Writes `config.json`, `preprocessor_config.json`, `model.safetensors` and the tokenizer, which
/// [`import_clap`](super::import_clap) reads back to the bit.
///
/// # Errors
/// [`ModelError::Config`] for a model that is not a LAION-CLAP; [`ModelError::Io`] with the file that cannot be written.
pub fn export_clap(model: &Muscall, dir: &Path) -> Result<(), ModelError> {
    let [config, preprocessor] = describe(model.config())?;
    std::fs::create_dir_all(dir).map_err(FileError::writing(dir))?;
    let mut state: StateDict =
        model.state()?.into_owned().into_iter().map(|(name, data)| (hub_name(&name), data)).collect();
    // The hub has kernels of patches where we have rows, and scalars where we have vectors of one.
    for (name, data) in &mut state {
        let shape = match name.as_str() {
            "logit_scale_a" => Vec::new(),
            name if name.ends_with("patch_embed.proj.weight") => vec![data.shape().as_slice()[0], 1, 4, 4],
            _ => continue,
        };
        *data = burn::tensor::TensorData::new(data.as_slice::<f32>().unwrap_or_default().to_vec(), shape);
    }
    let own = state.get(&hub_name(LOGIT_SCALE)).cloned();
    let kept = model.config().text_logit_scale.map(|scale| burn::tensor::TensorData::new(vec![scale], [0; 0]));
    state.extend(kept.or(own).map(|scale| (TEXT_LOGIT_SCALE.to_owned(), scale)));
    replace(&dir.join("model.safetensors"), |path| write_safetensors(path, &state))?;
    model.text_frontend().save(dir)?;
    for (name, value) in [("config.json", config), ("preprocessor_config.json", preprocessor)] {
        replace_bytes(&dir.join(name), format!("{value:#}\n"))?;
    }
    Ok(())
}

/// `config.json` and `preprocessor_config.json`.
fn describe(config: &MuscallConfig) -> Result<[Value; 2], ModelError> {
    let other = |field: &'static str| {
        let check =
            ModelError::check(false, field, "of another kind", "that of LAION-CLAP, to be written in the hub's layout");
        check.err().unwrap_or(ModelError::Config { field, found: String::new(), expected: "" })
    };
    let audio: &HtsatConfig = config.audio.downcast_ref().ok_or_else(|| other("audio"))?;
    let text: &SentenceTowerConfig = config.text.downcast_ref().ok_or_else(|| other("text"))?;
    let BertConfig { pooling: BertPooling::Pooler, unit_norm: false, trim: false, position_offset: 2, .. } =
        text.encoder
    else {
        return Err(other("text.encoder"));
    };
    let HeadConfig::Mlp { hidden, activation: Activation::Relu } = config.head else {
        return Err(other("head"));
    };
    let dim = config.projection_dim;
    if hidden != dim || !config.project || !text.fine_tune || text.hidden.is_some() {
        return Err(other("head"));
    }
    if config.padding != Padding::Repeat {
        return Err(other("padding"));
    }
    let LogMelConfig { sample_rate, n_fft, hop, n_mels, f_min, f_max, resampling, .. } = config.log_mel;
    let front_end = LogMelConfig { sample_rate, n_fft, hop, n_mels, f_min, f_max, resampling, ..LogMelConfig::clap() };
    if front_end != config.log_mel {
        return Err(other("log_mel"));
    }
    let encoder = &text.encoder;
    let last = audio.width << (audio.depths.len() - 1);
    let config_json = json!({
        "architectures": ["ClapModel"],
        "model_type": "clap",
        "projection_dim": dim,
        "projection_hidden_act": "relu",
        "audio_config": {
            "model_type": "clap_audio_model", "patch_embeds_hidden_size": audio.width, "hidden_size": last,
            "depths": audio.depths, "num_attention_heads": audio.heads, "num_hidden_layers": audio.depths.len(),
            "num_mel_bins": n_mels, "spec_size": 256, "window_size": 8, "patch_size": 4, "patch_stride": [4, 4],
            "mlp_ratio": 4.0, "hidden_act": "gelu", "layer_norm_eps": 1e-5, "enable_fusion": false, "qkv_bias": true,
            "projection_dim": dim, "projection_hidden_act": "relu",
        },
        "text_config": {
            "model_type": "clap_text_model", "hidden_size": encoder.width, "num_hidden_layers": encoder.depth,
            "num_attention_heads": encoder.heads, "intermediate_size": encoder.mlp, "vocab_size": encoder.vocabulary,
            "max_position_embeddings": encoder.positions, "type_vocab_size": encoder.token_types, "pad_token_id": 1,
            "bos_token_id": 0, "eos_token_id": 2, "hidden_act": "gelu", "layer_norm_eps": encoder.norm_epsilon,
            "projection_dim": dim, "projection_hidden_act": "relu",
        },
    });
    let preprocessor = json!({
        "feature_extractor_type": "ClapFeatureExtractor", "processor_class": "ClapProcessor",
        "sampling_rate": sample_rate, "fft_window_size": n_fft, "hop_length": hop, "feature_size": n_mels,
        "frequency_min": f_min, "frequency_max": f_max, "max_length_s": config.clip_s as u64, "padding": "repeatpad",
        "truncation": "rand_trunc", "top_db": null, "return_attention_mask": false, "padding_side": "right",
        "padding_value": 0.0,
    });
    Ok([config_json, preprocessor])
}
