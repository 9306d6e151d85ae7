//! The names that sentence encoders had before names had versions: see [`former`](super::former).

use bytemuck::cast_slice;
use xxhash_rust::xxh3::Xxh3;

#[cfg(feature = "sentence")]
use crate::text::bert::BertConfig;
#[cfg(feature = "sentence")]
use crate::weights::StateDict;
use crate::weights::Tensors;

/// Of a sentence encoder. Its tokenizer was not in it.
#[cfg(feature = "sentence")]
pub(crate) fn sentence_encoder(config: &BertConfig, state: &StateDict) -> String {
    let Ok(name) = hash(&minilm(config), state);
    name
}

pub(super) fn hash<T: Tensors>(text: &str, tensors: &T) -> Result<String, T::Error> {
    let mut hash = Xxh3::new();
    hash.update(text.as_bytes());
    for name in tensors.names() {
        hash.update(name.as_bytes());
        tensors.visit(name, &mut |values| hash.update(cast_slice(values)))?;
    }
    Ok(format!("{:016x}", hash.digest()))
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
