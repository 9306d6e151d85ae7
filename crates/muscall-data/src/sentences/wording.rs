//! Grammar: lists, articles, capital letters.

/// `guitar`, `guitar and flute`, `guitar, drums and flute`.
pub(super) fn join(phrases: &[&str]) -> String {
    match phrases {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Appends a phrase to a text; an "a" that stands before it becomes "an" where the phrase begins with a vowel that is
/// heard.
pub(super) fn append(text: &mut String, phrase: &str) {
    let article = text.strip_suffix("a ").or_else(|| text.strip_suffix("A "));
    if article.is_some_and(|before| before.is_empty() || before.ends_with(' ')) && takes_an(phrase) {
        text.pop();
        text.push_str("n ");
    }
    text.push_str(phrase);
}

/// By the first word, as far as its spelling tells.
fn takes_an(phrase: &str) -> bool {
    let phrase = phrase.to_lowercase();
    let word = phrase.split(|character: char| !character.is_alphanumeric()).next().unwrap_or_default();
    let begins = |parts: &[&str]| parts.iter().any(|part| word.starts_with(part));
    if word.chars().count() == 1 {
        // A letter by its name: an R&B song, a D minor chord.
        return begins(&["a", "e", "f", "h", "i", "l", "m", "n", "o", "r", "s", "x", "8"]);
    }
    if begins(&["uni", "use", "usu", "uk", "eu", "ewe", "one", "once"]) {
        // Said with a y or a w, but for what is not said so.
        return begins(&["unim", "unin"]);
    }
    begins(&["a", "e", "i", "o", "u", "hour", "honest", "honour", "heir", "8", "11", "18"])
}

/// The first letter as a capital.
pub(super) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// Two sentences with the same key are the same to a reader.
pub(super) fn key(sentence: &str) -> String {
    sentence.trim_end_matches('.').to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_joined() {
        assert_eq!(join(&["guitar"]), "guitar");
        assert_eq!(join(&["guitar", "flute"]), "guitar and flute");
        assert_eq!(join(&["guitar", "drums", "flute"]), "guitar, drums and flute");
    }

    #[test]
    fn articles_follow_the_sound() {
        let after = |phrase| {
            let mut text = "with a ".to_owned();
            append(&mut text, phrase);
            text
        };
        for phrase in
            ["acoustic guitar", "eighties", "80s", "R&B", "upbeat", "unimportant", "hour-long", "operatic", "Irish"]
        {
            assert_eq!(after(phrase), format!("with an {phrase}"));
        }
        for phrase in ["guitar", "unique", "European", "one-man", "slow", "hip hop", "70s", "D minor", "harp"] {
            assert_eq!(after(phrase), format!("with a {phrase}"));
        }
        // Only the article is one.
        let mut text = "viola ".to_owned();
        append(&mut text, "and oboe");
        assert_eq!(text, "viola and oboe");
        let mut text = "a ".to_owned();
        append(&mut text, "epic");
        assert_eq!(text, "an epic");
    }

    #[test]
    fn capitals_and_full_stops_are_no_difference() {
        assert_eq!(capital("éclair"), "Éclair");
        assert_eq!(capital(""), "");
        assert_eq!(key("Sad music."), key("sad music"));
    }
}
