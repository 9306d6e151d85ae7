//! A recipe that takes the model of a bundle finds there what the bundle has.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;

use burn::tensor::Device;
use muscall_model::text::static_words::{StaticWords, StaticWordsConfig};
use muscall_model::{Muscall, MuscallConfig};
use muscall_train::Recipe;

#[test]
fn a_bundle_names_its_own_words_and_a_recipe_finds_them_there() {
    let dir = tempfile::tempdir().unwrap();
    let (bundle, words) = (dir.path().join("bundle"), dir.path().join("elsewhere.safetensors"));
    let table = StaticWords::new(["calm", "piano"].map(str::to_owned).to_vec(), &[1.0, 0.5, -0.5, 1.0], 2).unwrap();
    table.save(&words).unwrap();
    let text = StaticWordsConfig { dim: 2, ..StaticWordsConfig::new(&words) };
    let config = MuscallConfig { text: text.into(), ..MuscallConfig::tiny() };
    let device = Device::flex();
    let model = Muscall::new(config.clone(), &config.init(&device).unwrap(), table, &device).unwrap();
    model.save(&bundle).unwrap();
    fs::remove_file(&words).unwrap();
    let saved = fs::read_to_string(bundle.join("config.json")).unwrap();
    assert!(!saved.contains("elsewhere") && saved.contains("\"words.safetensors\""), "{saved}");
    let loaded = Muscall::load(&bundle, &device).unwrap();
    assert_eq!(loaded.fingerprint().unwrap(), model.fingerprint().unwrap());
    let path = dir.path().join("more.toml");
    let preset = bundle.to_str().unwrap();
    fs::write(&path, format!("epochs = 1\nbatch_size = 4\nlearning_rate = 1e-5\n[model]\npreset = {preset:?}\n"))
        .unwrap();
    let recipe = Recipe::read(&path).unwrap();
    let frontend = recipe.model.text.frontend(&mut std::iter::empty(), &device).unwrap();
    assert_eq!(frontend.fingerprint(), model.text_frontend().fingerprint());
}
