//! Names of the released PyTorch implementation.

use burn::tensor::TensorData;

use super::StateDict;

/// Ours and theirs, first match wins; applied as substrings of a name.
const NAMES: &[(&str, &str)] = &[
    ("audio.pool.weight", "audio_backbone.final_linear.weight"),
    ("audio.pool.bias", "audio_backbone.final_linear.bias"),
    ("audio.pool.", "audio_backbone.attnpool."),
    ("audio.resnet.", "audio_backbone."),
    ("text.token_embedding", "textual_head.token_embedding.weight"),
    ("text.position_embedding", "textual_head.position_embedding.weight"),
    ("text.norm_out.", "textual_head.transformer.norm_out."),
    ("text.layers.", "textual_head.transformer.layers."),
];

/// The same for what stands further inside a name.
const PARTS: &[(&str, &str)] = &[
    (".downsample.conv.", ".downsample.0."),
    (".downsample.bn.", ".downsample.1."),
    (".attention_norm.", ".0.norm."),
    (".to_qkv.", ".0.fn.to_qkv."),
    (".out_projection.", ".0.fn.out_projection."),
    (".mlp_norm.", ".1.norm."),
    (".mlp_in.", ".1.fn.mlp.0."),
    (".mlp_out.", ".1.fn.mlp.3."),
];

/// Buffers that describe the frontend or count batches, and a layer norm that the released
/// forward pass does not use.
pub(super) fn is_unused(name: &str) -> bool {
    name.starts_with("audio_backbone.spec.")
        || name.starts_with("textual_head.ln_final.")
        || name.ends_with(".num_batches_tracked")
}

/// Renames a released state dict to ours. Unknown names stay as they are, to be reported as
/// surplus when the weights are applied.
pub fn from_released(state: StateDict) -> StateDict {
    let renamed = state.into_iter().filter(|(name, _)| !is_unused(name));
    renamed
        .map(|(name, mut data)| {
            let mut ours = name.clone();
            if let Some((our, their)) = NAMES.iter().find(|(_, their)| name.starts_with(their)) {
                ours = format!("{our}{}", &name[their.len()..]);
            }
            for (our, their) in PARTS {
                ours = ours.replace(their, our);
            }
            if ours.contains("norm") {
                ours = ours.replace("norm.weight", "norm.gamma").replace("norm.bias", "norm.beta");
                ours = ours.replace("norm_out.weight", "norm_out.gamma").replace("norm_out.bias", "norm_out.beta");
            }
            if ours == "logit_scale" {
                data = reshaped(&data, vec![1]);
            }
            (ours, data)
        })
        .collect()
}

/// Renames our state dict to the released names.
pub fn to_released(state: StateDict) -> StateDict {
    state
        .into_iter()
        .map(|(name, mut data)| {
            let mut theirs = name.clone();
            if let Some((our, their)) = NAMES.iter().find(|(our, _)| name.starts_with(our)) {
                theirs = format!("{their}{}", &name[our.len()..]);
            }
            for (our, their) in PARTS {
                theirs = theirs.replace(our, their);
            }
            theirs = theirs.replace(".gamma", ".weight").replace(".beta", ".bias");
            if theirs == "logit_scale" {
                data = reshaped(&data, Vec::new());
            }
            (theirs, data)
        })
        .collect()
}

fn reshaped(data: &TensorData, shape: Vec<usize>) -> TensorData {
    TensorData::from_bytes_vec(data.as_bytes().to_vec(), shape, data.dtype())
}
