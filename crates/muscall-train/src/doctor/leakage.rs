//! What two splits have in common, and should not.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use muscall_files::Digest;

use super::Diagnosis;
use crate::manifest::{Manifest, Row};

/// Captions and audio of `second` that are in `first` too. Captions are compared without case and
/// spacing, audio by the bytes of the files (only those of equal size are read);
/// parts of one file share audio where they overlap.
pub fn leakage(first: &Manifest, second: &Manifest) -> Vec<Diagnosis> {
    [shared_captions(first, second), shared_audio(first, second)].into_iter().flatten().collect()
}

/// Captions of `second` that are in `first` too, as in [`leakage`].
pub fn shared_captions(first: &Manifest, second: &Manifest) -> Option<Diagnosis> {
    let captions = |manifest: &Manifest| -> Vec<String> {
        manifest.rows.iter().flat_map(|row| &row.captions).map(|caption| normalised(caption)).collect()
    };
    let known: HashSet<String> = captions(first).into_iter().collect();
    let all = captions(second);
    let shared: Vec<&String> = all.iter().filter(|caption| known.contains(*caption)).collect();
    let example = (*shared.first()?).clone();
    Some(Diagnosis::SharedCaptions { count: shared.len(), captions: all.len(), example })
}

pub(super) fn normalised(caption: &str) -> String {
    caption.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn shared_audio(first: &Manifest, second: &Manifest) -> Option<Diagnosis> {
    let mut by_size: HashMap<u64, Vec<&Row>> = HashMap::new();
    for row in &first.rows {
        // A file that is missing is reported when it is loaded.
        if let Ok(bytes) = row.size() {
            by_size.entry(bytes).or_default().push(row);
        }
    }
    let mut hashes: HashMap<PathBuf, Option<u128>> = HashMap::new();
    let mut hash_of = |row: &'_ Row| *hashes.entry(row.audio.clone()).or_insert_with(|| hash(row));
    let mut shared: Vec<(PathBuf, PathBuf)> = Vec::new();
    for row in &second.rows {
        let candidates = row.size().ok().and_then(|bytes| by_size.get(&bytes));
        let twin = candidates.into_iter().flatten().find(|candidate| {
            let is_apart = candidate.part.zip(row.part).is_some_and(|(one, other)| !one.overlaps(&other));
            let mut is_copy = || hash_of(row).is_some_and(|own| hash_of(candidate) == Some(own));
            !is_apart && (candidate.audio == row.audio || is_copy())
        });
        shared.extend(twin.map(|twin| (twin.audio.clone(), row.audio.clone())));
    }
    let (first, example) = shared.first()?.clone();
    Some(Diagnosis::SharedAudio { count: shared.len(), tracks: second.rows.len(), first, second: example })
}

pub(super) fn hash(row: &Row) -> Option<u128> {
    Some(Digest::of(row.bytes().ok()?).ok()?.hash_128())
}
