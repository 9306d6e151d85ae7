//! What the owner of a folder wants to be left out.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// A file of this name says that a folder holds no media for players.
const NO_MEDIA: &str = ".nomedia";
/// Files with patterns as git has them, or without a line for the whole folder: of Navidrome, of Jellyfin and several tools
/// for searching, and of Plex.
const PATTERNS: [&str; 3] = [".ndignore", ".ignore", ".plexignore"];

/// Longest file of patterns that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The patterns of a folder and of those around it.
#[derive(Debug, Default)]
pub(super) struct Ignored {
    /// With the depth of their folders, which rises.
    rules: Vec<(usize, Gitignore)>,
}

impl Ignored {
    /// Goes to a folder at some depth of the walk; gives whether it is to be left out as a whole.
    pub(super) fn enter(&mut self, folder: &Path, depth: usize) -> bool {
        self.rules.retain(|(other, _)| *other < depth);
        if depth > 0 && folder.join(NO_MEDIA).is_file() {
            return true;
        }
        let files = PATTERNS.map(|name| folder.join(name));
        let texts: Vec<(PathBuf, String)> =
            files.into_iter().filter_map(|file| Some((file.clone(), patterns(&file)?))).collect();
        let is_for_all = |text: &str| text.lines().all(|line| line.trim().is_empty() || line.starts_with('#'));
        // Whoever names such a folder means it.
        if depth > 0 && texts.iter().any(|(_, text)| is_for_all(text)) {
            return true;
        }
        let mut builder = GitignoreBuilder::new(folder);
        for (file, text) in &texts {
            for line in text.lines() {
                // A pattern that makes no sense leaves nothing out.
                let _ = builder.add_line(Some(file.clone()), line);
            }
        }
        if let Some(rules) = builder.build().ok().filter(|rules| !rules.is_empty()) {
            self.rules.push((depth, rules));
        }
        false
    }

    /// Whether a pattern of the folders around it leaves out a file or a folder; the innermost that says something decides.
    pub(super) fn leaves_out(&self, path: &Path, is_folder: bool, depth: usize) -> bool {
        let around = self.rules.iter().rev().filter(|(other, _)| *other < depth);
        let decided = around.map(|(_, rules)| rules.matched(path, is_folder)).find(|decision| !decision.is_none());
        decided.is_some_and(|decision| decision.is_ignore())
    }
}

/// The text of a file of patterns, without the mark that some editors put before it; nothing of what is no file, or far too
/// long for one of patterns.
fn patterns(file: &Path) -> Option<String> {
    let metadata = file.metadata().ok().filter(|metadata| metadata.is_file() && metadata.len() <= MAX_BYTES)?;
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    File::open(file).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    Some(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}
