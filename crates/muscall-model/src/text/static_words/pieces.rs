//! Texts to pieces of words.

use ahash::AHashMap;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What goes on within a word begins with this.
const INSIDE: &str = "##";
/// Longer words have no pieces.
const LONGEST: usize = 100;

/// A vocabulary of pieces: words, their beginnings, and with `##` before them what follows within a word.
#[derive(Debug, Clone, Default)]
pub(super) struct Pieces {
    names: Vec<String>,
    ids: AHashMap<String, usize>,
}

impl Pieces {
    pub(super) fn new(names: Vec<String>) -> Self {
        let ids = names.iter().enumerate().map(|(id, name)| (name.clone(), id)).collect();
        Self { names, ids }
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether a name stands for several entries.
    pub(super) fn has_twins(&self) -> bool {
        self.ids.len() < self.names.len()
    }

    /// The pieces of a text: of each word the longest beginning that there is, then the longest that goes on. A word
    /// some part of which has no piece has none.
    pub(super) fn of(&self, text: &str) -> Vec<usize> {
        let mut found = Vec::new();
        for word in words(text) {
            let before = found.len();
            if !self.of_word(&word, &mut found) {
                found.truncate(before);
            }
        }
        found
    }

    fn of_word(&self, word: &str, found: &mut Vec<usize>) -> bool {
        if word.len() > LONGEST {
            return false;
        }
        let mut rest = word;
        let mut name = String::new();
        while !rest.is_empty() {
            let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
            let longest = ends.into_iter().find_map(|end| {
                name.clear();
                if rest.len() < word.len() {
                    name.push_str(INSIDE);
                }
                name.push_str(&rest[..end]);
                Some((end, *self.ids.get(&name)?))
            });
            let Some((end, id)) = longest else { return false };
            found.push(id);
            rest = &rest[end..];
        }
        true
    }
}

/// Runs of letters and digits, in lower case and without accents.
fn words(text: &str) -> Vec<String> {
    let plain: String = text.nfd().filter(|&c| !is_combining_mark(c)).flat_map(char::to_lowercase).collect();
    plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces() -> Pieces {
        Pieces::new(["guitar", "##s", "gui", "##t", "a", "calm", "##ly", "cafe"].map(str::to_owned).to_vec())
    }

    fn names(text: &str) -> Vec<String> {
        let pieces = pieces();
        pieces.of(text).into_iter().map(|id| pieces.names()[id].clone()).collect()
    }

    #[test]
    fn the_longest_piece_first() {
        assert_eq!(names("guitars"), ["guitar", "##s"]);
        assert_eq!(names("guits"), ["gui", "##t", "##s"]);
        assert_eq!(names("A calm, CALMLY guitar's"), ["a", "calm", "calm", "##ly", "guitar"]);
    }

    #[test]
    fn accents_and_cases_are_no_matter_and_unknown_words_leave_nothing() {
        assert_eq!(names("Café CAFE\u{301}"), ["cafe", "cafe"]);
        assert_eq!(names("guitarx 音楽 ... calm"), ["calm"]);
        assert_eq!(names(&"a".repeat(1000)), Vec::<String>::new());
        assert_eq!(names(""), Vec::<String>::new());
    }
}
