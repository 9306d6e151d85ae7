//! What is known of a clip.

use std::collections::BTreeMap;

/// A word of a tagger.
#[derive(Debug, Clone, PartialEq)]
pub struct Tag {
    /// As the tagger spells it.
    pub name: String,
    /// How sure the tagger is, 0 to 1; `None` for what somebody knows.
    pub confidence: Option<f32>,
}

impl Tag {
    /// Reads `name:confidence`, or a name alone. `None` without a name, or with a confidence that is not from 0 to 1.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, confidence) = match text.rsplit_once(':') {
            Some((name, number)) => match number.trim().parse::<f32>() {
                Ok(confidence) => (name, Some(confidence)),
                // A colon within a name.
                Err(_) => (text, None),
            },
            None => (text, None),
        };
        let name = name.trim();
        let valid = !name.is_empty() && confidence.is_none_or(|confidence| (0.0..=1.0).contains(&confidence));
        valid.then(|| Self { name: name.to_owned(), confidence })
    }
}

/// A tag that the templates do not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the tag `{tag}` is not in the templates; give it phrases in a class, an entry in [alias], or add it to [drop]"
)]
pub struct UnknownTag {
    /// As the tagger spells it.
    pub tag: String,
}

/// An entry of a vocabulary: a class, and one of its keys, both by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) class: usize,
    pub(super) key: usize,
}

/// What can be said of a clip: entries of the templates, each once, with the highest confidence that a tag gave it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts(BTreeMap<Entry, f32>);

impl Facts {
    /// Number of facts.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing can be said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, entry: Entry, confidence: f32) {
        let known = self.0.entry(entry).or_insert(0.0);
        *known = known.max(confidence);
    }

    /// Keys of a class with their confidences, in the order of the vocabulary.
    pub(super) fn of_class(&self, class: usize) -> impl Iterator<Item = (usize, f32)> {
        self.0.iter().filter(move |(entry, _)| entry.class == class).map(|(entry, confidence)| (entry.key, *confidence))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_with_and_without_a_confidence() {
        let read = |text| Tag::parse(text).map(|tag| (tag.name, tag.confidence));
        assert_eq!(read("guitar:0.25"), Some(("guitar".to_owned(), Some(0.25))));
        assert_eq!(read(" new age : 1 "), Some(("new age".to_owned(), Some(1.0))));
        assert_eq!(read("guitar"), Some(("guitar".to_owned(), None)));
        assert_eq!(read("genre:rock"), Some(("genre:rock".to_owned(), None)));
        for wrong in ["", " ", ":0.5", "guitar:1.5", "guitar:-1", "guitar:nan"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
