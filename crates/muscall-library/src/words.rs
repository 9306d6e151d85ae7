//! A request in one line of words.

use crate::{LibraryError, Request, Stretch, Term};

/// How much a signed term counts that does not say so.
pub const SIGNED_WEIGHT: f32 = 0.5;

impl Request {
    /// Reads a line such as `calm piano -drums`.
    ///
    /// | part | meaning |
    /// |---|---|
    /// | `calm piano`, `lo-fi` | words; all of them together are one term of weight 1 |
    /// | `-drums`, `-"loud drums"` | away from it, with weight −0.5 |
    /// | `+strings`, `+"solo strings"` | towards it, with weight 0.5 |
    /// | `-0.7*drums`, `+0.2*"solo strings"` | with this weight |
    /// | `"song.mp3"@30-45` | music like that file from 30 s to 45 s; `@30-` to its end, `@` all of it |
    /// | `-0.7*"song.mp3"@` | the same, away from it |
    ///
    /// A sign counts only at the start of a word, and quotation marks without a sign only keep one from
    /// counting: `"-6 dB"` is words. An example file without a sign has weight 1.
    ///
    /// ```
    /// # use muscall_library::{Request, Term};
    /// let request = Request::parse_words("calm lo-fi piano -drums")?;
    /// assert_eq!(request.terms, [Term::text("calm lo-fi piano"), Term::text("drums").with_weight(-0.5)]);
    /// # Ok::<(), muscall_library::LibraryError>(())
    /// ```
    ///
    /// # Errors
    /// For a quotation mark that is never closed, a stretch of time that is none, and what
    /// [`validate`](Self::validate) finds.
    pub fn parse_words(line: &str) -> Result<Self, LibraryError> {
        let (mut phrase, mut others) = (Vec::new(), Vec::new());
        let mut rest = line.trim_start();
        while !rest.is_empty() {
            let (sign, behind) = signed(rest);
            let (text, behind) = word(behind).ok_or_else(|| {
                let at = line.chars().count() - rest.chars().count() + rest.chars().take_while(|&c| c != '"').count();
                LibraryError::OpenQuote { at: at + 1 }
            })?;
            let quoted = matches!(text, Word::Quoted(_));
            let (Word::Quoted(text) | Word::Bare(text)) = text;
            rest = behind;
            // Only behind a quotation mark, since `@` may stand in a word.
            if let (true, Some(behind)) = (quoted, rest.strip_prefix('@')) {
                let (stretch, behind) = behind.split_at(behind.find(char::is_whitespace).unwrap_or(behind.len()));
                rest = behind;
                others.push(Term::file(text, parse_stretch(stretch)?).with_weight(sign.unwrap_or(1.0)));
            } else if let Some(weight) = sign {
                others.push(Term::text(text).with_weight(weight));
            } else {
                phrase.push(text);
            }
            rest = rest.trim_start();
        }
        let phrase = phrase.join(" ");
        let phrase = Some(phrase.trim()).filter(|phrase| !phrase.is_empty()).map(Term::text);
        let request = Self::new(phrase.into_iter().chain(others).collect::<Vec<_>>());
        request.validate()?;
        Ok(request)
    }
}

enum Word<'a> {
    Quoted(&'a str),
    Bare(&'a str),
}

/// The weight that a sign gives, and what stands behind it. A sign before nothing is a word.
fn signed(text: &str) -> (Option<f32>, &str) {
    let direction = match text.chars().next() {
        Some('-' | '−') => -1.0,
        Some('+') => 1.0,
        _ => return (None, text),
    };
    let behind = text.trim_start_matches(['-', '−', '+']);
    let signs = text[..text.len() - behind.len()].chars().count();
    if signs != 1 || behind.is_empty() || behind.starts_with(char::is_whitespace) {
        return (None, text);
    }
    let factor = behind.split_once('*').and_then(|(factor, rest)| {
        let digits = factor.chars().all(|c| c.is_ascii_digit() || c == '.');
        let bare = !rest.is_empty() && !rest.starts_with(char::is_whitespace);
        Some((factor.parse::<f32>().ok().filter(|_| digits && bare)?, rest))
    });
    let (factor, rest) = factor.unwrap_or((SIGNED_WEIGHT, behind));
    (Some(direction * factor), rest)
}

/// The first word or quotation; nothing if that is not closed.
fn word(text: &str) -> Option<(Word<'_>, &str)> {
    if let Some(behind) = text.strip_prefix('"') {
        let (inside, rest) = behind.split_once('"')?;
        return Some((Word::Quoted(inside), rest));
    }
    let (word, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    Some((Word::Bare(word), rest))
}

/// `30-45`, `30-` or nothing.
fn parse_stretch(text: &str) -> Result<Stretch, LibraryError> {
    if text.is_empty() {
        return Ok(Stretch::default());
    }
    let misfit = || LibraryError::Stretch { found: text.to_owned() };
    let number = |text: &str| match text {
        "" => Ok(None),
        text => text.parse::<f64>().map(Some).map_err(|_| misfit()),
    };
    let (start, end) = text.split_once('-').ok_or_else(misfit)?;
    Ok(Stretch { start_s: number(start)?, end_s: number(end)? })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms(line: &str) -> Vec<Term> {
        Request::parse_words(line).unwrap().terms
    }

    #[test]
    fn words_signs_and_quotations() {
        let minus = |text: &str, weight: f32| Term::text(text).with_weight(weight);
        assert_eq!(terms("  calm   solo piano "), [Term::text("calm solo piano")]);
        assert_eq!(terms("calm -drums piano"), [Term::text("calm piano"), minus("drums", -0.5)]);
        assert_eq!(terms("lo-fi - beats"), [Term::text("lo-fi - beats")]);
        assert_eq!(terms("-\"loud drums\""), [minus("loud drums", -0.5)]);
        assert_eq!(
            terms("a -0.7*\"b c\" +d +2*e"),
            [Term::text("a"), minus("b c", -0.7), minus("d", 0.5), minus("e", 2.0)]
        );
        // What only looks like a sign or a factor is words.
        assert_eq!(terms("\"-6 dB\" of a*b"), [Term::text("-6 dB of a*b")]);
        assert_eq!(terms("-- --x"), [Term::text("-- --x")]);
        assert_eq!(terms("-a*b"), [minus("a*b", -0.5)]);
    }

    #[test]
    fn files_have_stretches() {
        assert_eq!(
            terms("calm \"my song.mp3\"@30-45 -0.7*\"b.ogg\"@"),
            [
                Term::text("calm"),
                Term::file("my song.mp3", Stretch::new(30.0, 45.0)),
                Term::file("b.ogg", Stretch::default()).with_weight(-0.7)
            ]
        );
        assert_eq!(terms("\"a\"@7-"), [Term::file("a", Stretch { start_s: Some(7.0), end_s: None })]);
        let error = |line| Request::parse_words(line).unwrap_err();
        assert!(matches!(error("\"a\"@3"), LibraryError::Stretch { .. }));
        assert!(matches!(error("\"a\"@9-3"), LibraryError::Reversed { .. }));
        assert!(matches!(error("\"a\"@nan-"), LibraryError::Number { .. }));
    }

    #[test]
    fn nonsense_is_named() {
        let error = |line| Request::parse_words(line).unwrap_err();
        assert!(matches!(error(" "), LibraryError::NoTerms));
        assert!(matches!(error("ä -\"b"), LibraryError::OpenQuote { at: 4 }));
        assert!(matches!(error("-\" \""), LibraryError::EmptyText { term: 1 }));
        assert!(matches!(error("a -99*b"), LibraryError::Number { .. }));
        assert!(matches!(error(&"-a ".repeat(40)), LibraryError::TooManyTerms { found: 40, .. }));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[-−+*@\" .0-9a-zäß\u{a0}]{0,40}|\\PC{0,40}") {
            if let Ok(request) = Request::parse_words(&line) {
                prop_assert!(request.validate().is_ok());
                let json = serde_json::to_string(&request).unwrap();
                prop_assert_eq!(serde_json::from_str::<Request>(&json).unwrap(), request);
            }
        }

        #[test]
        fn plain_words_stay_as_they_are(words in prop::collection::vec("[a-z]+(-[a-z]+)?", 1..8)) {
            let line = words.join(" ");
            prop_assert_eq!(terms(&line), [Term::text(line)]);
        }
    }
}
