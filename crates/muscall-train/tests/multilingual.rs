//! A sentence encoder of other languages learns a trained space from captions alone.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod small_run;
#[path = "../../../tests/golden/small_sentence_model.rs"]
#[allow(dead_code)]
mod small_sentence_model;
#[path = "../../muscall-data/tests/wav/mod.rs"]
mod wav;

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;
use muscall_model::Muscall;
use muscall_model::text::SentenceTowerConfig;
use muscall_model::text::bert::{BertConfig, BertPooling};
use muscall_model::weights::clap::import_clap;
use muscall_train::distil::nearness_of_words;
use muscall_train::{Manifest, Recipe, Row};
use serde_json::json;
use small_sentence_model::write_published_weights;

/// Random weights are drawn from the state of the process.
static DRAWS: Mutex<()> = Mutex::new(());

const CLAP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/clap/hf");
const WORDS: [&str; 12] =
    ["calm", "loud", "piano", "drums", "fast", "slow", "ruhig", "laut", "тихо", "быстро", "静か", "速い"];

/// XLM-RoBERTa as it is published, with random weights and a SentencePiece vocabulary.
fn write_xlm_roberta(dir: &Path) -> BertConfig {
    let encoder = BertConfig {
        width: 24,
        depth: 2,
        heads: 3,
        mlp: 40,
        vocabulary: 60,
        positions: 40,
        context: 38,
        position_offset: 2,
        token_types: 1,
        norm_epsilon: 1e-5,
        pooling: BertPooling::Mean,
        ..BertConfig::default()
    };
    fs::create_dir_all(dir.join("1_Pooling")).unwrap();
    let config = json!({
        "model_type": "xlm-roberta", "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3,
        "intermediate_size": 40, "vocab_size": 60, "max_position_embeddings": 40, "layer_norm_eps": 1e-5,
        "type_vocab_size": 1, "pad_token_id": 1, "hidden_act": "gelu", "position_embedding_type": "absolute",
    });
    fs::write(dir.join("config.json"), config.to_string()).unwrap();
    let pooling = json!({ "word_embedding_dimension": 24, "pooling_mode_mean_tokens": true });
    fs::write(dir.join("1_Pooling/config.json"), pooling.to_string()).unwrap();
    let module = |kind: &str| json!({ "type": format!("sentence_transformers.models.{kind}") });
    fs::write(dir.join("modules.json"), json!([module("Transformer"), module("Pooling")]).to_string()).unwrap();
    let mut vocabulary = vec![json!(["<s>", 0.0]), json!(["<pad>", 0.0]), json!(["</s>", 0.0]), json!(["<unk>", 0.0])];
    vocabulary.extend(WORDS.iter().map(|word| json!([format!("\u{2581}{word}"), -3.0])));
    vocabulary.extend("\u{2581}abcdefghijklmnopqrstuvwxyz".chars().map(|letter| json!([letter.to_string(), -8.0])));
    let special = |id: usize, token: &str| json!({ "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true });
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [special(0, "<s>"), special(1, "<pad>"), special(2, "</s>"), special(3, "<unk>")],
        "normalizer": null,
        "pre_tokenizer": { "type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": "always", "split": true },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{ "SpecialToken": { "id": "<s>", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }, { "SpecialToken": { "id": "</s>", "type_id": 0 } }],
            "pair": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 0 } }],
            "special_tokens": {
                "<s>": { "id": "<s>", "ids": [0], "tokens": ["<s>"] },
                "</s>": { "id": "</s>", "ids": [2], "tokens": ["</s>"] },
            },
        },
        "decoder": null,
        "model": { "type": "Unigram", "unk_id": 3, "vocab": vocabulary, "byte_fallback": false },
    });
    fs::write(dir.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    write_published_weights(&encoder, 5, &dir.join("model.safetensors"));
    encoder
}

/// Vectors of captions are kept beside the list.
fn captions(dir: &Path) -> Manifest {
    let pairs = WORDS.iter().flat_map(|one| WORDS.iter().map(move |other| format!("{one} {other}")));
    let row = |(number, text): (usize, String)| Row::new(number.to_string(), number.to_string(), vec![text]);
    Manifest { rows: pairs.enumerate().map(row).collect(), source: dir.join("captions.txt") }
}

#[test]
fn words_of_any_language_are_read_by_an_encoder_from_a_folder() {
    let _draws = DRAWS.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let (folder, run) = (dir.path().join("xlm"), dir.path().join("run"));
    let encoder = write_xlm_roberta(&folder);
    let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes/multilingual.toml");
    let settings = [
        format!("model.text.model={}", folder.display()),
        "batch_size=24".to_owned(),
        "model.text.hidden=64".to_owned(),
        "epochs=300".to_owned(),
        "learning_rate=3e-3".to_owned(),
    ];
    let recipe = Recipe::read_with(Path::new(recipe), &settings).unwrap();
    // The sizes are those of the folder.
    let text = recipe.model.text.downcast_ref::<SentenceTowerConfig>().unwrap();
    assert_eq!(text.encoder, encoder);

    let teacher = import_clap(Path::new(CLAP), None, &Device::flex()).unwrap();
    let recipe = recipe.with_teacher(teacher.config()).unwrap();
    let (train, held) = captions(dir.path()).hold_out(0.2, 1).unwrap();
    let learner =
        small_run::learner(&recipe, &run).with_teacher(teacher.clone()).with_vectors(dir.path().join("vectors"));
    let student =
        learner.fit(train.clone(), Some(held.clone()), &mut |_| std::ops::ControlFlow::Continue(())).unwrap().model;
    let [known, new] = [&train, &held].map(|rows| nearness_of_words(&student, &teacher, rows).unwrap());
    println!("{known:?} {new:?}");
    assert!(known.explained > 0.3, "{known:?}");

    // A bundle of its own: neither the encoder's folder nor the teacher is needed.
    fs::remove_dir_all(&folder).unwrap();
    let bundle = Muscall::load(&run, &Device::flex()).unwrap();
    let asked = ["тихо piano", "静か", "something else"];
    assert_eq!(bundle.embed_text(asked).unwrap(), student.embed_text(asked).unwrap());
    let audio = |model: &Muscall| {
        model
            .state()
            .unwrap()
            .iter()
            .filter(|(name, _)| name.starts_with("audio"))
            .map(|(name, data)| (name.clone(), data.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(audio(&bundle), audio(&teacher));
}

#[test]
fn an_encoder_with_another_layer_behind_it_is_refused() {
    let _draws = DRAWS.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    write_xlm_roberta(dir.path());
    let kinds = ["Transformer", "Pooling", "Dense", "Normalize"];
    let modules: Vec<_> = kinds.map(|kind| json!({ "type": format!("sentence_transformers.models.{kind}") })).into();
    fs::write(dir.path().join("modules.json"), json!(modules).to_string()).unwrap();
    let error =
        SentenceTowerConfig::default().with_model(dir.path().to_str().unwrap()).with_published_sizes().unwrap_err();
    let error = format!("{error}");
    assert!(error.contains("modules.json") && error.contains("Dense"), "{error}");
}
