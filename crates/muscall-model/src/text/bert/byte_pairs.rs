//! RoBERTa's tokenizer from the two files that it had before `tokenizer.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::text::tokenizer::TokenizerError;

pub(crate) const VOCABULARY: &str = "vocab.json";
pub(crate) const MERGES: &str = "merges.txt";
/// Start, padding, end, unknown, mask: which word of the vocabulary does what is the same in all files of RoBERTa.
const SPECIAL: [&str; 5] = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];

/// The `tokenizer.json` that transformers makes of `vocab.json` and `merges.txt`.
pub(super) fn tokenizer_json(vocabulary: &Path, merges: &Path) -> Result<Vec<u8>, TokenizerError> {
    let wrong = |path: &Path, source| TokenizerError::File { path: path.to_owned(), source };
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| wrong(path, error.into()));
    let ids: BTreeMap<String, u32> =
        serde_json::from_str(&read(vocabulary)?).map_err(|error| wrong(vocabulary, error.into()))?;
    // `<mask>` may be behind the words, in no file.
    let behind = ids.values().max().map_or(0, |&id| id.saturating_add(1));
    let mut special = Vec::new();
    for token in SPECIAL {
        let id = ids.get(token).copied().or_else(|| (token == "<mask>").then_some(behind));
        let id = id.ok_or_else(|| wrong(vocabulary, format!("has no `{token}`, so it is not RoBERTa's").into()))?;
        special.push((token, id));
    }
    let mut pairs = Vec::new();
    for (number, line) in read(merges)?.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        match line.split_once(' ') {
            _ if number == 0 && line.starts_with("#version") => {}
            Some((left, right)) if !right.contains(' ') => pairs.push([left.to_owned(), right.to_owned()]),
            _ => return Err(wrong(merges, format!("line {} is not two pieces: `{line}`", number + 1).into())),
        }
    }
    let added: Vec<Value> = special
        .iter()
        .map(|(token, id)| {
            json!({
                "id": id, "content": token, "single_word": false, "lstrip": *token == "<mask>", "rstrip": false,
                "normalized": false, "special": true,
            })
        })
        .collect();
    let (start, end) = (special[0], special[2]);
    let bytes = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
    let whole = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": bytes,
        "post_processor": {
            "type": "RobertaProcessing", "sep": [end.0, end.1], "cls": [start.0, start.1], "trim_offsets": true,
            "add_prefix_space": false,
        },
        "decoder": bytes,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": ids, "merges": pairs,
        },
    });
    serde_json::to_vec(&whole).map_err(|error| wrong(vocabulary, error.into()))
}
