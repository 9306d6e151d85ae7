//! The commands that the documentation tells people to type are commands.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// README, the pages of docs/, and the cards of models.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let others = ["README.md", "models/box/README.md", "crates/muscall-cli/README.md"];
    pages.chain(others.map(|page| root.join(page))).collect()
}

/// The lines of a page's blocks that call the program, without what stands behind them as a comment.
fn commands(page: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if inside && line.starts_with("muscall ") {
            found.push(line.split(" #").next().unwrap().trim().to_owned());
        }
    }
    found
}

/// As a shell would, of what is quoted or not.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn what_pages_say_can_be_typed() {
    let mut count = 0;
    for path in pages() {
        for line in commands(&fs::read_to_string(&path).unwrap()) {
            count += 1;
            let parsed = muscall_cli::command().try_get_matches_from(words(&line));
            if let Err(error) = parsed {
                use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
                assert!(matches!(error.kind(), DisplayHelp | DisplayVersion), "{}: {line}: {error}", path.display());
            }
        }
    }
    assert!(count >= 10, "{count} commands");
}

#[test]
fn so_can_the_examples_of_the_help() {
    for word in muscall_cli::command().get_subcommands() {
        let help = word.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in help.lines().filter_map(|line| line.split("muscall ").nth(1)) {
            let line = line.split("   ").next().unwrap().split(" > ").next().unwrap().trim();
            let parsed = muscall_cli::command().try_get_matches_from(words(&format!("muscall {line}")));
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        }
    }
}
