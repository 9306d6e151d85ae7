//! How published checkpoints describe a network, and what they call its tensors.

use std::fs;
use std::path::Path;

use muscall_files::FileError;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::config::{BertConfig, BertPooling};
use crate::ModelError;
use crate::weights::StateDict;

/// Ours and those of the published checkpoints, as parts of a name.
const NAMES: &[(&str, &str)] = &[
    ("word_embedding", "embeddings.word_embeddings.weight"),
    ("position_embedding", "embeddings.position_embeddings.weight"),
    ("type_embedding", "embeddings.token_type_embeddings.weight"),
    ("norm.", "embeddings.LayerNorm."),
    ("layers.", "encoder.layer."),
    ("pooler.", "pooler.dense."),
];
const PARTS: &[(&str, &str)] = &[
    (".query.", ".attention.self.query."),
    (".key.", ".attention.self.key."),
    (".value.", ".attention.self.value."),
    (".attention_out.", ".attention.output.dense."),
    (".attention_norm.", ".attention.output.LayerNorm."),
    (".mlp_in.", ".intermediate.dense."),
    (".mlp_out.", ".output.dense."),
    (".mlp_norm.", ".output.LayerNorm."),
];
/// What the network may be called in front of each name.
const PREFIXES: [&str; 2] = ["bert.", "roberta."];

/// What a published `config.json` says about the network.
#[derive(Deserialize)]
struct PublishedConfig {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
    model_type: Option<String>,
    hidden_act: Option<String>,
    position_embedding_type: Option<String>,
    layer_norm_eps: Option<f64>,
    type_vocab_size: Option<usize>,
    pad_token_id: Option<usize>,
}

/// What `1_Pooling/config.json` of a sentence encoder says.
#[derive(Deserialize)]
struct PublishedPooling {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
}

/// A part of a sentence encoder, as `modules.json` lists them.
#[derive(Deserialize)]
struct PublishedModule {
    #[serde(rename = "type")]
    kind: String,
}

/// Whether a sentence encoder has nothing behind its pooling that changes a vector's direction.
fn check_modules(dir: &Path) -> Result<(), ModelError> {
    let path = dir.join("modules.json");
    let modules = read::<Vec<PublishedModule>>(&path)?.unwrap_or_default();
    let is_known = |kind: &str| matches!(kind.rsplit('.').next(), Some("Transformer" | "Pooling" | "Normalize"));
    let other = modules.iter().find(|module| !is_known(&module.kind));
    let expected = "a Transformer, its pooling and a norm alone; take an encoder without further layers";
    ModelError::check(other.is_none(), "type", other.map_or("", |module| &module.kind), expected)
        .map_err(|source| ModelError::InvalidFile { path, source: Box::new(source) })
}

/// The configuration of a published folder; that of all-MiniLM-L6-v2 if it has no `config.json`.
pub(in crate::text) fn published_config(dir: &Path) -> Result<BertConfig, ModelError> {
    check_modules(dir)?;
    let path = dir.join("config.json");
    let default = BertConfig::default();
    let Some(published) = read::<PublishedConfig>(&path)? else {
        return Ok(default);
    };
    let is = |found: &Option<String>, known: &[&str]| found.as_deref().is_none_or(|found| known.contains(&found));
    let found = |found: &Option<String>| found.clone().unwrap_or_default();
    let known_types = ["bert", "roberta", "xlm-roberta", "camembert"];
    ModelError::check(
        is(&published.model_type, &known_types),
        "model_type",
        found(&published.model_type),
        "BERT or RoBERTa",
    )
    .and_then(|()| {
        ModelError::check(is(&published.hidden_act, &["gelu"]), "hidden_act", found(&published.hidden_act), "gelu")
    })
    .and_then(|()| {
        let absolute = is(&published.position_embedding_type, &["absolute"]);
        let kind = found(&published.position_embedding_type);
        ModelError::check(absolute, "position_embedding_type", kind, "absolute")
    })
    .map_err(|source| ModelError::InvalidFile { path: path.clone(), source: Box::new(source) })?;
    // RoBERTa's first token stands behind the position of padding.
    let position_offset = match published.model_type.as_deref() {
        None | Some("bert") => 0,
        Some(_) => published.pad_token_id.unwrap_or(1) + 1,
    };
    let pooling = match read::<PublishedPooling>(&dir.join("1_Pooling/config.json"))? {
        Some(pooling) if pooling.pooling_mode_cls_token && !pooling.pooling_mode_mean_tokens => BertPooling::FirstToken,
        _ => default.pooling,
    };
    Ok(BertConfig {
        width: published.hidden_size,
        depth: published.num_hidden_layers,
        heads: published.num_attention_heads,
        mlp: published.intermediate_size,
        vocabulary: published.vocab_size,
        positions: published.max_position_embeddings,
        context: default.context.min(published.max_position_embeddings.saturating_sub(position_offset)),
        norm_epsilon: published.layer_norm_eps.unwrap_or(default.norm_epsilon),
        token_types: published.type_vocab_size.unwrap_or(default.token_types),
        position_offset,
        pooling,
        ..default
    })
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ModelError> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(FileError::reading(path))?,
    };
    serde_json::from_str(&text).map(Some).map_err(|source| ModelError::ConfigFile { path: path.to_owned(), source })
}

/// Renames a published state dict to ours, without what this network does not use: the pooler, unless it is what pools.
pub(super) fn from_published(state: StateDict, pooling: BertPooling) -> StateDict {
    let renamed = state.into_iter().map(|(name, data)| {
        let bare = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(&name);
        let mut ours = bare.to_owned();
        if let Some((our, their)) = NAMES.iter().find(|(_, their)| ours.starts_with(their)) {
            ours = format!("{our}{}", &ours[their.len()..]);
        }
        // `.attention.output.` before `.output.`, which is a part of it.
        for (our, their) in PARTS {
            ours = ours.replace(their, our);
        }
        if ours.contains("norm.") {
            ours = ours.replace("norm.weight", "norm.gamma").replace("norm.bias", "norm.beta");
        }
        (ours, data)
    });
    renamed.filter(|(name, _)| pooling == BertPooling::Pooler || !name.starts_with("pooler.")).collect()
}

/// The other way round.
pub(crate) fn to_published(state: StateDict) -> StateDict {
    let rename = |(name, data): (String, _)| {
        let mut theirs = name.clone();
        if let Some((our, their)) = NAMES.iter().find(|(our, _)| name.starts_with(our)) {
            theirs = format!("{their}{}", &name[our.len()..]);
        }
        for (our, their) in PARTS {
            theirs = theirs.replace(our, their);
        }
        (theirs.replace(".gamma", ".weight").replace(".beta", ".bias"), data)
    };
    state.into_iter().map(rename).collect()
}
