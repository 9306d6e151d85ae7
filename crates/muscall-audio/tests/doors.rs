//! Libraries that panic over some files are called behind one guard: nobody goes around it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

/// What symphonia's readers and decoders are made and called with.
const CALLS: [&str; 8] = [
    "symphonia::default",
    "FormatReader",
    "MetadataReader",
    "AudioDecoder",
    "MediaSourceStream",
    "CodecRegistry",
    "AudioBuffer",
    "probe::",
];
const DECODING: &str = "crates/muscall-audio/src/decode/";
/// The door to symphonia, and the readers that try it.
/// What is called by these, or is called by symphonia itself.
const TO_SYMPHONIA: [&str; 3] = [
    "crates/muscall-audio/src/decode/foreign.rs",
    "crates/muscall-audio/src/decode/opus.rs",
    "crates/muscall-audio/src/decode/panicking.rs",
];
const TO_RUSTYSYNTH: [&str; 1] = ["examples/render_midi/synth.rs"];

/// Every file of Rust below a folder, without what was built.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn foreign_readers_are_called_behind_the_guard() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut seen = 0;
    for file in files {
        let name = file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        if name.ends_with("tests/doors.rs") {
            continue;
        }
        // Another library has a `probe`, too.
        let is_code = |line: &&str| !line.trim_start().starts_with("//") && !line.contains("lofty::");
        let code: String = fs::read_to_string(&file).unwrap().lines().filter(is_code).collect();
        if code.contains("symphonia::") {
            assert!(name.starts_with(DECODING), "{name}: symphonia is read in {DECODING} alone");
            let call = CALLS.iter().find(|call| code.contains(**call));
            assert!(
                TO_SYMPHONIA.contains(&&*name) || call.is_none(),
                "{name}: {} belongs into {TO_SYMPHONIA:?}",
                call.unwrap()
            );
            seen += 1;
        }
        if code.contains("rustysynth::") {
            assert!(TO_RUSTYSYNTH.contains(&&*name), "{name}: rustysynth is called in {TO_RUSTYSYNTH:?} alone");
            seen += 1;
        }
    }
    assert!(seen > 3, "the doors have been moved");
}
