// A sentence encoder of two layers with random weights, in the files of a published one.

use std::path::Path;

use burn::tensor::Device;
use muscall_model::text::bert::BertConfig;
use muscall_model::weights::{state_of, write_safetensors};

pub fn small_config() -> BertConfig {
    BertConfig {
        width: 16,
        depth: 2,
        heads: 2,
        mlp: 32,
        vocabulary: 64,
        positions: 32,
        context: 32,
        ..BertConfig::default()
    }
}

/// Random weights, by the names that transformers gives them.
pub fn write_published_weights(config: &BertConfig, seed: u64, path: &Path) {
    let device = Device::flex();
    device.seed(seed);
    let names = [
        ("word_embedding", "embeddings.word_embeddings.weight"),
        ("position_embedding", "embeddings.position_embeddings.weight"),
        ("type_embedding", "embeddings.token_type_embeddings.weight"),
        ("norm.gamma", "embeddings.LayerNorm.weight"),
        ("norm.beta", "embeddings.LayerNorm.bias"),
    ];
    let parts = [
        ("layers.", "encoder.layer."),
        (".query.", ".attention.self.query."),
        (".key.", ".attention.self.key."),
        (".value.", ".attention.self.value."),
        (".attention_out.", ".attention.output.dense."),
        (".attention_norm.gamma", ".attention.output.LayerNorm.weight"),
        (".attention_norm.beta", ".attention.output.LayerNorm.bias"),
        (".mlp_in.", ".intermediate.dense."),
        (".mlp_out.", ".output.dense."),
        (".mlp_norm.gamma", ".output.LayerNorm.weight"),
        (".mlp_norm.beta", ".output.LayerNorm.bias"),
    ];
    let published = state_of(&config.init(&device).unwrap()).into_iter().map(|(name, data)| {
        let whole = names.iter().find(|(ours, _)| *ours == name).map(|(_, theirs)| (*theirs).to_owned());
        let renamed =
            whole.unwrap_or_else(|| parts.iter().fold(name, |name, (ours, theirs)| name.replace(ours, theirs)));
        (renamed, data)
    });
    write_safetensors(path, &published.collect()).unwrap();
}

pub fn write_small_sentence_model(dir: &Path) {
    std::fs::create_dir_all(dir).unwrap();
    write_published_weights(&small_config(), 11, &dir.join("model.safetensors"));
    let config = serde_json::json!({
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
        "vocab_size": 64, "max_position_embeddings": 32, "model_type": "bert",
    });
    std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
    // Whole words that music is described with; others are unknown.
    let words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "calm", "piano", "brass", "band", "slow", "blues", "a", "choir"];
    let vocabulary: serde_json::Map<_, _> =
        words.iter().enumerate().map(|(id, word)| ((*word).to_owned(), id.into())).collect();
    let special = |id: usize| {
        serde_json::json!({ "id": id, "content": words[id], "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true })
    };
    let tokenizer = serde_json::json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": (0..4).map(special).collect::<Vec<_>>(),
        "normalizer": { "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": { "type": "TemplateProcessing",
            "single": [{ "SpecialToken": { "id": "[CLS]", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } },
                { "SpecialToken": { "id": "[SEP]", "type_id": 0 } }],
            "pair": [],
            "special_tokens": { "[CLS]": { "id": "[CLS]", "ids": [2], "tokens": ["[CLS]"] },
                "[SEP]": { "id": "[SEP]", "ids": [3], "tokens": ["[SEP]"] } } },
        "decoder": { "type": "WordPiece", "prefix": "##", "cleanup": true },
        "model": { "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary },
    });
    std::fs::write(dir.join("tokenizer.json"), tokenizer.to_string()).unwrap();
}
