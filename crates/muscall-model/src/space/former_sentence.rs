//! The names that sentence encoders had before names had versions: see [`former`](super::former).

use xxhash_rust::xxh3::Xxh3;

#[cfg(feature = "sentence")]
use crate::text::bert::BertConfig;
use crate::weights::StateDict;

/// Of a sentence encoder. Its tokenizer was not in it.
#[cfg(feature = "sentence")]
pub(crate) fn sentence_encoder(config: &BertConfig, state: &StateDict) -> String {
    hash(&minilm(config), state)
}

pub(super) fn hash(text: &str, state: &StateDict) -> String {
    let mut hash = Xxh3::new();
    hash.update(text.as_bytes());
    for (name, data) in state {
        hash.update(name.as_bytes());
        hash.update(data.as_bytes());
    }
    format!("{:016x}", hash.digest())
}

#[cfg(feature = "sentence")]
pub(super) fn minilm(config: &BertConfig) -> String {
    // What came later has had one value then.
    let BertConfig { width, depth, heads, mlp, vocabulary, positions, context, dropout, .. } = config;
    format!(
        "MiniLmConfig {{ width: {width}, depth: {depth}, heads: {heads}, mlp: {mlp}, vocabulary: {vocabulary}, \
         positions: {positions}, context: {context}, dropout: {dropout:?} }}"
    )
}
