//! What is said by the captions and labels of a whole split.

use std::collections::{BTreeMap, BTreeSet};

use whatlang::{Lang, detect};

use super::Diagnosis;
use crate::manifest::Manifest;

/// Words without which nobody can tell a language; captions are put together until they have as many.
const WORDS: usize = 20;
/// Part of the captions in another language from which on it is told.
const SHARE: f64 = 0.1;

/// Tracks whose captions are looked at: so many tell the language of all.
const SAMPLE: usize = 10_000;

/// What is odd about all captions and labels together. None of it need be wrong.
pub fn check_words(manifest: &Manifest) -> Vec<Diagnosis> {
    [other_language(manifest), one_class(manifest)].into_iter().flatten().collect()
}

fn other_language(manifest: &Manifest) -> Option<Diagnosis> {
    let (mut texts, mut text) = (0_usize, String::new());
    let mut found: BTreeMap<&'static str, (usize, String)> = BTreeMap::new();
    let step = (manifest.rows.len() / SAMPLE).max(1);
    for caption in manifest.rows.iter().step_by(step).flat_map(|row| &row.captions) {
        text = if text.is_empty() { caption.clone() } else { text + " " + caption };
        if text.split_whitespace().count() < WORDS {
            continue;
        }
        texts += 1;
        if let Some(info) = detect(&text).filter(|info| info.is_reliable() && info.lang() != Lang::Eng) {
            found.entry(info.lang().eng_name()).or_insert_with(|| (0, caption.clone())).0 += 1;
        }
        text.clear();
    }
    let (language, (count, example)) = found.into_iter().max_by_key(|(_, (count, _))| *count)?;
    let is_worth_a_word = count as f64 >= SHARE * texts as f64;
    is_worth_a_word.then_some(Diagnosis::OtherLanguage { language, count, texts, example })
}

fn one_class(manifest: &Manifest) -> Option<Diagnosis> {
    let labels: BTreeSet<&String> = manifest.rows.iter().filter_map(|row| row.label.as_ref()).collect();
    let rows = manifest.rows.iter().filter(|row| row.label.is_some()).count();
    match labels.first() {
        Some(label) if labels.len() == 1 && rows > 1 => Some(Diagnosis::OneClass { label: (*label).clone(), rows }),
        _ => None,
    }
}
