//! docs/RECIPES.md says of every key of a recipe what it is: made from the structs, so that nothing is missing.
//!
//! `MUSCALL_UPDATE=1 cargo test --workspace --test recipe_docs` writes it anew.
#![allow(missing_docs, clippy::unwrap_used)]

mod keys;

use std::fs;
use std::path::Path;

use keys::page::Page;
use keys::source::Sources;
use muscall::Recipe;
use toml::Table;

const HEAD: &str = "# The keys of a recipe

A recipe is a TOML file. `muscall train --print-recipe NAME` prints one with all of its settings, `extends = \"other.toml\"` starts
from another one, `key = false` takes away what that one has, and `--set model.clip_s=10` changes a key for one run. An unknown key
is an error. `model.preset` names where a model starts from: `resnet50` (the paper's), `released` (what was released), `tiny`, `dcase`
(the baseline), or the folder of a bundle.

Defaults are those of the preset `resnet50` where a preset decides; of a table that is left out as a whole, such as `[ssl]`, they are
what its keys are once it is there. This page is made from the code (`tests/recipe_docs.rs`).
";

/// Recipes in which every table that has defaults is there.
fn defaults() -> Vec<Table> {
    let base = "epochs = 150\nbatch_size = 256\nlearning_rate = 5e-5\n[model]\npreset = \"resnet50\"\n";
    let augmentations = [
        "reverb",
        "equaliser",
        "compression",
        "soft_clip",
        "band_limit",
        "codec",
        "noise",
        "pitch_shift",
        "polarity",
        "gain",
        "low_pass",
        "high_pass",
    ];
    let mut all = String::from("[ssl]\n");
    for table in augmentations {
        all += &format!("[data.augment.{table}]\n");
    }
    let variants = [
        String::new(),
        all,
        "[model.text]\nkind = \"sentence\"\n".to_owned(),
        "[loss.weighting]\n".to_owned(),
        "[loss]\nkind = \"triplet\"\n".to_owned(),
        "[loss]\nkind = \"sigmoid\"\n".to_owned(),
    ];
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("recipe.toml");
    let mut tables: Vec<Table> = variants
        .iter()
        .map(|more| {
            fs::write(&file, format!("{base}{more}")).unwrap();
            toml::from_str(&toml::to_string(&Recipe::read(&file).unwrap()).unwrap()).unwrap()
        })
        .collect();
    fs::write(&file, base.replace("resnet50", "dcase")).unwrap();
    let baseline = Recipe::read(&file).unwrap();
    tables.push(toml::from_str(&toml::to_string(&baseline).unwrap()).unwrap());
    tables
}

#[test]
fn every_key_is_told() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = ["audio", "data", "model", "train"].map(|name| root.join(format!("crates/muscall-{name}/src")));
    let sources = Sources::read(&crates);
    let page = HEAD.to_owned() + &Page::new(&sources, &defaults()).write("Recipe");
    // A type of which nothing is known would stand there in Rust.
    let unknown = page.lines().find(|line| line.contains("::") || line.contains("| `Option<") || line.contains("Arc<"));
    assert_eq!(unknown, None);
    let file = root.join("docs/RECIPES.md");
    if std::env::var_os("MUSCALL_UPDATE").is_some() {
        fs::write(&file, &page).unwrap();
    }
    assert!(page.lines().filter(|line| line.starts_with("| `")).count() > 100);
    let known = fs::read_to_string(&file).unwrap_or_default();
    for (known, made) in known.lines().zip(page.lines()) {
        assert_eq!(known, made, "docs/RECIPES.md is not up to date: see the top of tests/recipe_docs.rs");
    }
    assert_eq!(known.len(), page.len());
}
