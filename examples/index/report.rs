//! What is said at the end.

use std::error::Error;
use std::path::{Path, PathBuf};

use muscall::Index;
use muscall::indexing::Report;
use muscall_cli::console::count;

/// What became of the files; those that could not be read are in `list`.
pub(crate) fn print_report(report: &Report, wall_s: f64, list: &Path) {
    let Report { embedded, audio_s, moved, copied, unchanged, removed, kept, unreadable, repaired, .. } = report;
    println!(
        "{} embedded ({:.1} h of audio in {wall_s:.0} s), {moved} moved, {copied} copied, {unchanged} unchanged, {removed} removed, {kept} kept unseen",
        count(*embedded, "file"),
        audio_s / 3600.0
    );
    if !repaired.is_empty() {
        println!("damaged files among them, of which the rest is in the index: {}", repaired.len());
    }
    for file in unreadable.iter().take(20) {
        eprintln!("left out: {}: {}", file.path, file.reason);
    }
    if !unreadable.is_empty() {
        eprintln!(
            "left out: {}; all of them, with the reasons, are in {}",
            count(unreadable.len(), "file"),
            list.display()
        );
    }
}

/// The last line: what the index holds now.
pub(crate) fn finish(index: &Path, what: &str) -> Result<(), Box<dyn Error>> {
    let opened = Index::open(index)?;
    let counts = [count(opened.len(), "track"), count(opened.segments_len(), "segment")];
    println!("{}: {what}; {}", index.display(), counts.join(", "));
    Ok(())
}

/// A file beside another one.
pub(crate) fn sibling(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}
