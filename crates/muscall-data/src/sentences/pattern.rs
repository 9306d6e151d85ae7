//! Patterns: text with slots for facts.

use super::template_file::PatternText;
use super::vocabulary::{Refusal, Vocabulary};

/// Most facts that a slot of several joins.
pub(super) const MOST_IN_A_SLOT: usize = 3;

/// What a sentence may look like.
pub(super) struct Pattern {
    pub(super) pieces: Vec<Piece>,
    pub(super) weight: f64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Slot(Slot),
}

/// A place for one fact of a class, or for some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) class: usize,
    pub(super) several: bool,
}

impl Pattern {
    /// `number` counts the patterns of the file from 1.
    pub(super) fn new(text: &PatternText, number: usize, vocabulary: &Vocabulary) -> Result<Self, Refusal> {
        let refuse = |field: &str, found: String, expected: String| Refusal {
            key: format!("patterns[{number}].{field}"),
            found,
            expected,
        };
        if !(text.weight.is_finite() && text.weight >= 0.0) {
            return Err(refuse("weight", text.weight.to_string(), "a number from 0".to_owned()));
        }
        let mut pieces = Vec::new();
        let mut rest = text.text.trim();
        while !rest.is_empty() {
            let (before, behind) = rest.split_once('{').unwrap_or((rest, ""));
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            if before.len() == rest.len() {
                break;
            }
            let Some((name, behind)) = behind.split_once('}') else {
                return Err(refuse("text", format!("`{}`", text.text), "a } for each {".to_owned()));
            };
            pieces.push(Piece::Slot(slot(name, vocabulary).ok_or_else(|| {
                let names: Vec<&str> = vocabulary.classes.iter().map(|class| &*class.name).collect();
                let expected = format!("a class ({}), or one with an s for several facts of it", names.join(", "));
                refuse("text", format!("`{}`, with the slot `{name}`", text.text), expected)
            })?));
            rest = behind;
        }
        if !pieces.iter().any(|piece| matches!(piece, Piece::Slot(_))) {
            return Err(refuse("text", format!("`{}`", text.text), "at least one slot".to_owned()));
        }
        Ok(Self { pieces, weight: text.weight })
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Slot(slot) => Some(*slot),
            Piece::Text(_) => None,
        })
    }

    /// The fewest and the most facts that it states, given the number of facts of each class; `None` if it has a slot
    /// that stays empty.
    pub(super) fn facts(&self, available: &[usize]) -> Option<(usize, usize)> {
        let (mut fewest, mut most) = (vec![0; available.len()], vec![0; available.len()]);
        for slot in self.slots() {
            fewest[slot.class] += 1;
            most[slot.class] += if slot.several { MOST_IN_A_SLOT } else { 1 };
        }
        let fits = fewest.iter().zip(available).all(|(fewest, available)| fewest <= available);
        let most = most.iter().zip(available).map(|(most, available)| most.min(available)).sum();
        fits.then(|| (fewest.iter().sum(), most))
    }
}

fn slot(name: &str, vocabulary: &Vocabulary) -> Option<Slot> {
    if let Some(class) = vocabulary.class(name) {
        return Some(Slot { class, several: false });
    }
    let class = vocabulary.class(name.strip_suffix('s')?)?;
    Some(Slot { class, several: true })
}
