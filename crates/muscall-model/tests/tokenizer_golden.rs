//! Token ids against those of the released implementation and of OpenAI's tokenizer.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::PathBuf;

use muscall_model::ClipTokenizer;
use serde_json::Value;

#[test]
fn ids_match() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/text/clip_tokens.json");
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(cases.len() > 20);
    let tokenizer = ClipTokenizer::new().unwrap();
    for case in cases {
        let text = case["text"].as_str().unwrap();
        // A spelled special token is plain text for us, as for OpenAI's tokenizer.
        let key = if text.contains("<|") { "openai_ids" } else { "ids" };
        let expected: Vec<u32> = case[key].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
        assert_eq!(tokenizer.encode(text), expected, "{text:?}");
    }
}
