//! laion's own `.pt` files: the hub's names and shapes from theirs, and sizes from shapes.

use burn::tensor::TensorData;
use muscall_audio::LogMelExtractor;

use super::checkpoint::Checkpoint;
use super::config::{ClapConfig, TextSizes};
use crate::ModelError;
use crate::audio::HtsatConfig;
use crate::weights::StateDict;

/// Norms of the text tower: the class's default, since no file says so.
const TEXT_EPSILON: f64 = 1e-5;
/// Heads of RoBERTa-base, which no shape tells.
const TEXT_HEADS: usize = 12;
const MEL_BANK: &str = "audio_branch.logmel_extractor.melW";
const STFT: [&str; 2] = [
    "audio_branch.spectrogram_extractor.stft.conv_real.weight",
    "audio_branch.spectrogram_extractor.stft.conv_imag.weight",
];
/// How far a mel bank, and a Fourier transform, may be from ours.
const BANK_TOLERANCE: f32 = 1e-6;
const STFT_TOLERANCE: f32 = 1e-5;
/// Parts of a name, laion's and the hub's.
const PARTS: [(&str, &str); 11] = [
    ("audio_branch.", "audio_model.audio_encoder."),
    ("text_branch.", "text_model."),
    (".bn0.", ".batch_norm."),
    (".norm1.", ".layernorm_before."),
    (".norm2.", ".layernorm_after."),
    (".attn.relative_position_bias_table", ".attention.self.relative_position_bias_table"),
    (".attn.proj.", ".attention.output.dense."),
    (".mlp.fc1.", ".intermediate.dense."),
    (".mlp.fc2.", ".output.dense."),
    ("_projection.0.", "_projection.linear1."),
    ("_projection.2.", "_projection.linear2."),
];

/// Whether a state dict has laion's names.
pub(super) fn is_laion(state: &StateDict) -> bool {
    state.keys().any(|name| name.starts_with("audio_branch."))
}

/// The hub's names; fused projections are parted in three.
pub(super) fn to_hub(state: StateDict) -> StateDict {
    let mut hub = StateDict::new();
    for (name, data) in state {
        if name == MEL_BANK || STFT.contains(&name.as_str()) {
            continue;
        }
        let mut theirs = name;
        for (laion, part) in PARTS {
            theirs = theirs.replace(laion, part);
        }
        match theirs.split_once(".attn.qkv.") {
            Some((block, kind)) => {
                for (part, rows) in ["query", "key", "value"].iter().zip(thirds(&data)) {
                    hub.insert(format!("{block}.attention.self.{part}.{kind}"), rows);
                }
            }
            None => drop(hub.insert(theirs, data)),
        }
    }
    hub
}

/// The rows of a tensor in three parts; all of them empty if their number does not divide.
fn thirds(data: &TensorData) -> [TensorData; 3] {
    let mut shape = data.shape().as_slice().to_vec();
    let rows = shape.first().copied().unwrap_or(0);
    let values = data.as_slice::<f32>().unwrap_or_default();
    let third = if rows.is_multiple_of(3) { values.len() / 3 } else { 0 };
    if let Some(rows) = shape.first_mut() {
        *rows /= 3;
    }
    [0, 1, 2].map(|part| {
        let own = values.get(part * third..(part + 1) * third).unwrap_or_default();
        let shape = if own.is_empty() { vec![0] } else { shape.clone() };
        TensorData::new(own.to_vec(), shape)
    })
}

/// Sizes, from the shapes of tensors by the hub's names. `text_heads` are those of a configuration beside the file.
pub(super) fn sizes(checkpoint: &Checkpoint, text_heads: Option<usize>) -> Result<ClapConfig, ModelError> {
    let size = |name: &str, axis: usize| -> Result<usize, ModelError> {
        let found = checkpoint.tensors.get(name).and_then(|data| data.shape().as_slice().get(axis).copied());
        found.ok_or_else(|| ModelError::Checkpoint {
            path: checkpoint.path.clone(),
            found: format!("no `{name}` with {} dimensions", axis + 1),
            expected: "all tensors of LAION-CLAP",
        })
    };
    let count = |prefix: &str, suffix: &str| {
        (0..).take_while(|i| checkpoint.tensors.contains_key(&format!("{prefix}{i}{suffix}"))).count()
    };
    let audio = "audio_model.audio_encoder.";
    let table = ".attention.self.relative_position_bias_table";
    let stages = count(&format!("{audio}layers."), &format!(".blocks.0{table}"));
    let depths = (0..stages).map(|stage| count(&format!("{audio}layers.{stage}.blocks."), table)).collect();
    let heads = (0..stages).map(|stage| size(&format!("{audio}layers.{stage}.blocks.0{table}"), 1));
    let heads = heads.collect::<Result<_, ModelError>>()?;
    let width = size(&format!("{audio}patch_embed.proj.weight"), 0)?;
    let words = "text_model.embeddings.word_embeddings.weight";
    let text = TextSizes {
        width: size(words, 1)?,
        vocabulary: size(words, 0)?,
        depth: count("text_model.encoder.layer.", ".intermediate.dense.weight"),
        heads: text_heads.unwrap_or(TEXT_HEADS),
        mlp: size("text_model.encoder.layer.0.intermediate.dense.weight", 0)?,
        positions: size("text_model.embeddings.position_embeddings.weight", 0)?,
        token_types: size("text_model.embeddings.token_type_embeddings.weight", 0)?,
        norm_epsilon: TEXT_EPSILON,
    };
    Ok(ClapConfig {
        audio: HtsatConfig { width, depths, heads },
        text,
        hidden: size("audio_projection.linear1.weight", 0)?,
        dim: size("audio_projection.linear2.weight", 0)?,
    })
}

/// The buffers that describe the front end, compared with ours.
pub(super) fn check_front_end(
    path: &std::path::Path,
    state: &StateDict,
    frontend: &LogMelExtractor,
) -> Result<(), ModelError> {
    let refuse = |buffer: &'static str, difference: f32| ModelError::FrontendBuffer {
        path: path.to_owned(),
        buffer,
        difference,
    };
    if let Some(theirs) = state.get(MEL_BANK).and_then(|data| data.as_slice::<f32>().ok()) {
        let difference = farthest(theirs, frontend.mel_bank().iter().copied());
        if difference.is_nan() || difference > BANK_TOLERANCE {
            return Err(refuse(MEL_BANK, difference));
        }
    }
    let window = frontend.window();
    let length = window.len();
    let waves: [fn(f64) -> f64; 2] = [f64::cos, |angle| -f64::sin(angle)];
    for (buffer, wave) in STFT.into_iter().zip(waves) {
        let Some(theirs) = state.get(buffer).and_then(|data| data.as_slice::<f32>().ok()) else { continue };
        let angle =
            |bin: usize, sample: usize| std::f64::consts::TAU * ((bin * sample) % length) as f64 / length as f64;
        let ours = (0..=length / 2).flat_map(|bin| (0..length).map(move |sample| (bin, sample)));
        let ours = ours.map(|(bin, sample)| (f64::from(window[sample]) * wave(angle(bin, sample))) as f32);
        let difference = farthest(theirs, ours);
        if difference.is_nan() || difference > STFT_TOLERANCE {
            return Err(refuse(buffer, difference));
        }
    }
    Ok(())
}

/// Infinite if there are more of one than of the other.
fn farthest(theirs: &[f32], ours: impl Iterator<Item = f32>) -> f32 {
    let mut count = 0;
    let worst = ours.zip(theirs).inspect(|_| count += 1).map(|(a, b)| (a - b).abs());
    let worst = worst.fold(0.0, |worst: f32, next| if next.is_nan() { next } else { worst.max(next) });
    if count == theirs.len() { worst } else { f32::INFINITY }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn tensors_without_the_dimensions_that_tell_sizes_are_named() {
        let table = "audio_model.audio_encoder.layers.0.blocks.0.attention.self.relative_position_bias_table";
        let flat = StateDict::from([(table.to_owned(), TensorData::from([1.0_f32, 2.0]))]);
        for (state, expected) in [(flat, table), (StateDict::new(), "patch_embed.proj.weight")] {
            let error = sizes(&Checkpoint::new(Path::new("a.pt"), state).unwrap(), None).unwrap_err().to_string();
            assert!(error.contains("a.pt") && error.contains(expected), "{error}");
        }
        let qkv = ("audio_branch.layers.0.blocks.0.attn.qkv.bias".to_owned(), TensorData::from([1.0_f32, 2.0]));
        assert_eq!(to_hub(StateDict::from([qkv])).len(), 3);
    }
}
