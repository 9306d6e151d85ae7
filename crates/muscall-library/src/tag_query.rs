//! Tags that are asked for by their words.

use unicode_normalization::UnicodeNormalization;

/// What a tag must say: `genre=jazz`, `genre=jazz|blues`, or `jazz` under any key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TagQuery {
    /// In lower case.
    key: Option<String>,
    /// None for any value.
    alternatives: Vec<Alternative>,
}

/// What a value may be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Alternative {
    /// One with all of these words, in lower case.
    Words(Vec<String>),
    /// This, of signs alone, such as `!!!`.
    Signs(String),
}

impl TagQuery {
    pub(crate) fn parse(query: &str) -> Self {
        let (key, value) = match query.split_once('=') {
            Some((key, value)) => (Some(key.trim().to_lowercase()), value),
            None => (None, query),
        };
        let texts = value.split('|').map(str::trim).filter(|text| !text.is_empty());
        let alternative = |text: &str| {
            let words = words_of(text);
            if words.is_empty() { Alternative::Signs(text.to_owned()) } else { Alternative::Words(words) }
        };
        Self { key, alternatives: texts.map(alternative).collect() }
    }

    /// Whether a tag such as `genre=Acid Jazz` has all words of one of the alternatives, in whatever case and order.
    pub(crate) fn is_met_by(&self, tag: &str) -> bool {
        let (key, value) = tag.split_once('=').unwrap_or(("", tag));
        if self.key.as_ref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(key)) {
            return false;
        }
        // Most values have no accents, and their words are compared where they stand.
        let own = if value.is_ascii() { Vec::new() } else { words_of(value) };
        let has = |word: &String| match value.is_ascii() {
            true => words(value).any(|own| own.eq_ignore_ascii_case(word)),
            false => own.contains(word),
        };
        let is_met = |alternative: &Alternative| match alternative {
            Alternative::Words(words) => words.iter().all(has),
            Alternative::Signs(signs) => value.trim() == signs,
        };
        self.alternatives.is_empty() || self.alternatives.iter().any(is_met)
    }
}

/// Words of letters and digits, in lower case and in one form of Unicode.
fn words_of(text: &str) -> Vec<String> {
    let text: String = text.nfc().flat_map(char::to_lowercase).collect();
    words(&text).map(str::to_owned).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(query: &str, tag: &str) -> bool {
        TagQuery::parse(query).is_met_by(tag)
    }

    #[test]
    fn words_are_found_in_any_case_and_order() {
        for query in ["genre=Acid Jazz", "Genre=jazz", "genre=jazz acid", "genre=blues|jazz", "jazz", "GENRE="] {
            assert!(meets(query, "genre=Acid Jazz"), "{query}");
        }
        for query in ["genre=jaz", "genre=jazz rock", "mood=jazz", "genre=blues|rock", "title=", "genre acid jazz"] {
            assert!(!meets(query, "genre=Acid Jazz"), "{query}");
        }
        assert!(meets("artist=sigur rós", "artist=SIGUR RÓS") && meets("title=rock", "title=Rock'n'Roll"));
        assert!(meets("artist=ro\u{301}s", "artist=Sigur R\u{d3}s"));
        assert!(meets("artist=!!!", "artist=!!!") && !meets("artist=!!!", "artist=Abba"));
        assert!(meets("genre=jazz|", "genre=Jazz") && !meets("genre=jazz|", "genre=Rock"));
        // A year is one word, and a value may hold the sign.
        assert!(!meets("year=199", "year=1999") && meets("title=a b", "title=a=b"));
    }
}
