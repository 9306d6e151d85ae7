//! The name of an embedding space.

use std::fmt::{self, Display, Formatter};
use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// Begins the names that hashes give; the number changes with what is hashed.
const VERSION: &str = "v2-";

/// Identifies an embedding space: vectors of different spaces must not be compared.
///
/// The names of models are `v2-`, a hash of what the audio side makes of music, `-`, and one of what the text side
/// makes of words; any other text is a name as well.
///
/// A model has one name for its space, under which vectors are kept from now on, and perhaps names that earlier
/// versions gave to the same space: what is kept under one of those is [accepted](Self::accepts). Two fingerprints
/// are equal if their names are. It stands for its name wherever a `&str` is wanted.
///
/// ```
/// use muscall_vectors::Fingerprint;
///
/// let space = Fingerprint::new("v2-0011").with_former("9f3a");
/// assert!(space.accepts("v2-0011") && space.accepts("9f3a"));
/// assert_eq!(space.name(), "v2-0011");
/// ```
#[derive(Debug, Clone, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Fingerprint {
    name: String,
    former: Vec<String>,
}

impl Fingerprint {
    /// A space that has had no other name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), former: Vec::new() }
    }

    /// Of a part that is named by one hash.
    pub fn of(hash: u64) -> Self {
        Self::new(format!("{VERSION}{hash:016x}"))
    }

    /// Of a model whose two sides are named by a hash each.
    pub fn of_towers(audio: u64, text: u64) -> Self {
        Self::new(format!("{VERSION}{audio:016x}-{text:016x}"))
    }

    /// The hashes of both sides of a model.
    pub fn towers(&self) -> Option<(u64, u64)> {
        let (audio, text) = self.name.strip_prefix(VERSION)?.split_once('-')?;
        let hash = |side| u64::from_str_radix(side, 16).ok();
        Some((hash(audio)?, hash(text)?))
    }

    /// Adds a name that an earlier version gave to the same space.
    #[must_use]
    pub fn with_former(mut self, name: impl Into<String>) -> Self {
        self.former.push(name.into());
        self
    }

    /// The name that is written beside vectors.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All names, the one that is written first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.former).map(String::as_str)
    }

    /// Whether vectors kept under this name are of this space.
    pub fn accepts(&self, found: &str) -> bool {
        self.names().any(|name| name == found)
    }

    /// What the names of two models tell of their difference, to be put behind them in a message.
    pub fn difference(found: &str, expected: &str) -> &'static str {
        let sides = |name: &str| {
            let (audio, text) = name.strip_prefix(VERSION)?.split_once('-')?;
            Some((audio.to_owned(), text.to_owned()))
        };
        match (sides(found), sides(expected)) {
            (Some((audio, _)), Some((other, _))) if audio == other => {
                " (they hear music alike, but read words differently)"
            }
            (Some((_, text)), Some((_, other))) if text == other => {
                " (they read words alike, but hear music differently)"
            }
            _ => "",
        }
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Deref for Fingerprint {
    type Target = str;

    fn deref(&self) -> &str {
        &self.name
    }
}

impl Display for Fingerprint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl From<String> for Fingerprint {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

impl From<&str> for Fingerprint {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<&String> for Fingerprint {
    fn from(name: &String) -> Self {
        Self::new(name)
    }
}

impl From<&Self> for Fingerprint {
    fn from(same: &Self) -> Self {
        same.clone()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_former_name_is_accepted_and_makes_no_difference() {
        let space = Fingerprint::new("new").with_former("old").with_former("older");
        for (name, accepted) in [("new", true), ("old", true), ("older", true), ("", false), ("ne", false)] {
            assert_eq!(space.accepts(name), accepted, "{name}");
        }
        assert_eq!(space, Fingerprint::from("new"));
        assert!(!Fingerprint::from("new").accepts("old"));
        assert_eq!((space.len(), space.to_string()), (3, "new".to_owned()));
    }

    #[test]
    fn names_of_models_say_which_side_differs() {
        let [one, words, music, both] = [(1, 2), (1, 3), (3, 2), (3, 4)].map(|(a, t)| Fingerprint::of_towers(a, t));
        assert_eq!(one.name(), "v2-0000000000000001-0000000000000002");
        assert_eq!(Fingerprint::of(1).name(), "v2-0000000000000001");
        assert!(Fingerprint::difference(&one, &words).contains("read words differently"));
        assert!(Fingerprint::difference(&one, &music).contains("hear music differently"));
        for other in [&*both, "0000000000000001", "v2-", "v2-0000000000000001", ""] {
            assert_eq!(Fingerprint::difference(&one, other), "", "{other}");
        }
    }
}
