//! Writes a LAION-CLAP model of a published size with random weights, in the hub's layout: for measurements that need no
//! trained one. `cargo bench -p muscall-model --features sentence --bench clap_folder -- tiny FOLDER` or `base`.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

#[path = "../../../tests/golden/clap_made.rs"]
#[allow(dead_code)]
mod clap_made;

use std::path::{Path, PathBuf};

use clap_made::{Sizes, Weights, write_hub};

fn main() {
    // `cargo bench` adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [size, folder] = arguments.as_slice() else {
        println!("give a size, `tiny` or `base`, and a folder; nothing was written");
        return;
    };
    let sizes = match size.as_str() {
        "tiny" => Sizes::tiny(),
        "base" => Sizes::base(),
        other => panic!("{other}: no size; expected `tiny` or `base`"),
    };
    let folder = PathBuf::from(folder);
    let tokenizer = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/clap/hf/tokenizer.json");
    write_hub(&sizes, 1, &folder, &tokenizer, Weights::Safetensors);
    println!("{}", folder.display());
}
