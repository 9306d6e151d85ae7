//! What the hub calls the tensors of LAION-CLAP.

use crate::weights::StateDict;

/// The hub has a temperature for each direction; ours is both.
pub(super) const TEXT_LOGIT_SCALE: &str = "logit_scale_t";
const AUDIO: &str = "audio_model.audio_encoder.";
/// Parts of a block, ours and the hub's.
const BLOCK: [(&str, &str); 9] = [
    ("norm_before", "layernorm_before"),
    ("norm_after", "layernorm_after"),
    ("query", "attention.self.query"),
    ("key", "attention.self.key"),
    ("value", "attention.self.value"),
    ("relative_position", "attention.self.relative_position_bias_table"),
    ("attention_out", "attention.output.dense"),
    ("mlp_in", "intermediate.dense"),
    ("mlp_out", "output.dense"),
];

/// The hub's name of one of our tensors: `audio.norm.gamma` is `audio_model.audio_encoder.norm.weight`.
pub fn hub_name(ours: &str) -> String {
    let name = match ours.split_once('.') {
        Some(("audio", name)) => format!("{AUDIO}{}", audio_name(name)),
        Some(("text", name)) => format!("text_model.{}", text_name(name.strip_prefix("encoder.").unwrap_or(name))),
        Some((head @ ("audio_projection" | "text_projection"), name)) => {
            format!("{head}.{}", name.replace("hidden.", "linear1.").replace("out.", "linear2."))
        }
        // Which direction's scale it is: laion's loss uses this one for both.
        _ if ours == "logit_scale" => "logit_scale_a".to_owned(),
        _ => ours.to_owned(),
    };
    name.replace(".gamma", ".weight").replace(".beta", ".bias")
}

fn audio_name(name: &str) -> String {
    if let Some(rest) = name.strip_prefix("patch_embed.") {
        return format!("patch_embed.proj.{rest}");
    }
    if let Some(rest) = name.strip_prefix("patch_norm.") {
        return format!("patch_embed.norm.{rest}");
    }
    let Some(stage) = name.strip_prefix("stages.") else {
        return name.to_owned();
    };
    if let Some((stage, rest)) = stage.split_once(".merging.") {
        return format!("layers.{stage}.downsample.{rest}");
    }
    let parts: Vec<&str> = stage.splitn(5, '.').collect(); // stage, "blocks", block, part, rest
    let their = BLOCK.iter().find(|(our, _)| parts.get(3) == Some(our)).map_or("", |(_, their)| their);
    let (stage, block) = (parts[0], parts.get(2).unwrap_or(&""));
    match parts.get(4) {
        Some(rest) => format!("layers.{stage}.blocks.{block}.{their}.{rest}"),
        None => format!("layers.{stage}.blocks.{block}.{their}"),
    }
}

fn text_name(name: &str) -> String {
    let one = StateDict::from([(name.to_owned(), burn::tensor::TensorData::from([0.0_f32]))]);
    crate::text::bert::to_published(one).into_keys().next().unwrap_or_default()
}

/// Tensors that a checkpoint may have and nothing here uses.
pub(super) fn is_unused(hub: &str) -> bool {
    let last = hub.rsplit('.').next().unwrap_or(hub);
    let buffers = ["position_ids", "token_type_ids", "relative_position_index", "attn_mask", "num_batches_tracked"];
    let parts = ["tscam_conv", "head", "audio_transform", "text_transform"];
    buffers.contains(&last) || hub == TEXT_LOGIT_SCALE || hub.split('.').any(|part| parts.contains(&part))
}

/// Whether a tensor belongs to a network that fuses crops of long audio.
pub(super) fn is_fusion(hub: &str) -> bool {
    hub.contains("fusion_model") || hub.contains("mel_conv2d")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_hubs() {
        let pairs = [
            ("audio.batch_norm.running_mean", "audio_model.audio_encoder.batch_norm.running_mean"),
            ("audio.patch_embed.weight", "audio_model.audio_encoder.patch_embed.proj.weight"),
            ("audio.patch_norm.gamma", "audio_model.audio_encoder.patch_embed.norm.weight"),
            (
                "audio.stages.2.blocks.1.relative_position",
                "audio_model.audio_encoder.layers.2.blocks.1.attention.self.relative_position_bias_table",
            ),
            ("audio.stages.0.blocks.0.mlp_out.bias", "audio_model.audio_encoder.layers.0.blocks.0.output.dense.bias"),
            ("audio.stages.1.merging.norm.beta", "audio_model.audio_encoder.layers.1.downsample.norm.bias"),
            ("audio.norm.gamma", "audio_model.audio_encoder.norm.weight"),
            ("text.encoder.layers.1.attention_out.weight", "text_model.encoder.layer.1.attention.output.dense.weight"),
            ("text.encoder.norm.gamma", "text_model.embeddings.LayerNorm.weight"),
            ("text.encoder.pooler.weight", "text_model.pooler.dense.weight"),
            ("text_projection.hidden.bias", "text_projection.linear1.bias"),
            ("audio_projection.out.weight", "audio_projection.linear2.weight"),
            ("logit_scale", "logit_scale_a"),
        ];
        for (ours, hub) in pairs {
            assert_eq!(hub_name(ours), hub);
        }
    }
}
