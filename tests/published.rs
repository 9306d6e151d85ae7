//! A published model on the command line, and what a program outside shows of itself.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Examples are built beside the tests.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let path: PathBuf = test.ancestors().nth(2).unwrap().join("examples").join(name);
    let mut command = Command::new(path);
    command.current_dir(root());
    command
}

fn run(name: &str, arguments: &[&Path]) -> Output {
    example(name).args(arguments).output().unwrap()
}

fn succeeds(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_clap_model_is_imported_and_searches() {
    let dir = tempfile::tempdir().unwrap();
    let (bundle, music) = (dir.path().join("bundle"), dir.path().join("music"));
    let golden = Path::new("tests/golden/clap");
    let out = Path::new("--out");
    let imported = succeeds(run("import_clap", &[&golden.join("hf"), out, &bundle]));
    assert!(imported.contains("windows of 10 s in 24 dimensions") && imported.contains("mean cosine"), "{imported}");
    let laion = dir.path().join("laion");
    let pt = golden.join("laion/checkpoint.pt");
    succeeds(run("import_clap", &[&pt, out, &laion, Path::new("--tokenizer"), &golden.join("hf")]));

    fs::create_dir(&music).unwrap();
    for clip in ["000_0ad_Celtica.ogg", "001_0ad_Highland_Mist.ogg", "014_fretsonfire_Feelings.ogg"] {
        fs::copy(root().join("demo/audio").join(clip), music.join(clip)).unwrap();
    }
    for bundle in [&bundle, &laion] {
        let found = succeeds(run(
            "search",
            &[Path::new("--bundle"), bundle, Path::new("--music"), &music, Path::new("a slow guitar")],
        ));
        assert!(found.contains("014_fretsonfire_Feelings"), "{found}");
    }

    let files = dir.path().join("files");
    succeeds(run("import_clap", &[Path::new("--export"), &bundle, Path::new("--to"), &files]));
    assert!(["config.json", "tokenizer.json", "model.safetensors"].iter().all(|name| files.join(name).exists()));

    let exported = dir.path().join("exported");
    let [as_, transformers] = ["--as", "transformers"].map(Path::new);
    succeeds(run("export", &[Path::new("--bundle"), &bundle, as_, transformers, &exported]));
    for name in ["config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors"] {
        assert_eq!(fs::read(files.join(name)).unwrap(), fs::read(exported.join(name)).unwrap(), "{name}");
    }
    let again = dir.path().join("again");
    succeeds(run("import_clap", &[&exported, out, &again]));
    for name in ["config.json", "weights.safetensors"] {
        assert_eq!(fs::read(bundle.join(name)).unwrap(), fs::read(again.join(name)).unwrap(), "{name}");
    }

    // By its name, from the hub's cache.
    let model = dir.path().join("cache/models--laion--small");
    fs::create_dir_all(model.join("snapshots")).unwrap();
    fs::create_dir_all(model.join("refs")).unwrap();
    fs::write(model.join("refs/main"), "abc").unwrap();
    fs::rename(&exported, model.join("snapshots/abc")).unwrap();
    let named = |name: &str| {
        let mut command = example("import_clap");
        command.args([Path::new(name), out, &dir.path().join("named")]);
        command.env("HF_HUB_CACHE", dir.path().join("cache")).env("HF_ENDPOINT", "http://127.0.0.1:1").output().unwrap()
    };
    assert!(succeeds(named("laion/small")).contains("mean cosine"));

    let refused = run("import_clap", &[&pt, out, &laion]);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && error.contains("--tokenizer"), "{error}");
}

#[test]
fn towers_and_augmentations_of_your_own_run() {
    let words = succeeds(run("own_text_tower", &[]));
    // The order of words is nothing to it.
    assert!(words.contains("0: 1.000") && words.contains("1: 1.000"), "{words}");
    let augmented = succeeds(run("own_augmentation", &[]));
    assert!(augmented.contains("kind = \"silence\""), "{augmented}");
}
