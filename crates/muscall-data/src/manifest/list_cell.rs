//! Cells of a table that hold a list of texts, as JSON or Python writes them.

use std::iter::Peekable;
use std::str::Chars;

/// The texts of a cell with a list: in JSON, or as Python prints one (`['a calm piano', "it's loud"]`), which is what pandas
/// writes. None for any other text.
pub(super) fn list(cell: &str) -> Option<Vec<String>> {
    let cell = cell.trim();
    if !cell.starts_with('[') {
        return None;
    }
    serde_json::from_str(cell).ok().or_else(|| python_list(cell))
}

/// Whether a text begins like a list of texts.
pub(super) fn begins_like_list(text: &str) -> bool {
    text.trim_start().strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(['\'', '"']))
}

fn python_list(cell: &str) -> Option<Vec<String>> {
    let mut letters = cell.strip_prefix('[')?.chars().peekable();
    let mut texts = Vec::new();
    loop {
        skip_space(&mut letters);
        match letters.next()? {
            // Python allows a comma at the end.
            ']' => break,
            quote @ ('\'' | '"') => texts.push(python_text(&mut letters, quote)?),
            _ => return None,
        }
        skip_space(&mut letters);
        match letters.next()? {
            ',' => {}
            ']' => break,
            _ => return None,
        }
    }
    letters.next().is_none().then_some(texts)
}

fn skip_space(letters: &mut Peekable<Chars<'_>>) {
    while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
}

/// A text up to its closing quote.
fn python_text(letters: &mut Peekable<Chars<'_>>, quote: char) -> Option<String> {
    let mut text = String::new();
    loop {
        match letters.next()? {
            '\\' => text.extend(escaped(letters)?),
            letter if letter == quote => return Some(text),
            letter => text.push(letter),
        }
    }
}

/// What stands behind a backslash; nothing for the end of a line.
fn escaped(letters: &mut Peekable<Chars<'_>>) -> Option<Option<char>> {
    let letter = match letters.next()? {
        '\n' => return Some(None),
        letter @ ('\\' | '\'' | '"') => letter,
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'v' => '\x0b',
        'x' => coded(letters, 2)?,
        'u' => coded(letters, 4)?,
        'U' => coded(letters, 8)?,
        // Python writes no others in a list.
        _ => return None,
    };
    Some(Some(letter))
}

/// A character by its number, of so many hexadecimal digits.
fn coded(letters: &mut Peekable<Chars<'_>>, digits: usize) -> Option<char> {
    let mut code = 0_u32;
    for _ in 0..digits {
        code = code.checked_mul(16)?.checked_add(letters.next()?.to_digit(16)?)?;
    }
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(cell: &str) -> Vec<String> {
        list(cell).unwrap_or_else(|| panic!("{cell} is a list"))
    }

    #[test]
    fn lists_of_json_and_python_are_read() {
        assert_eq!(texts(r#"["one", "two, three"]"#), ["one", "two, three"]);
        assert_eq!(texts(r#"['a calm piano', "it's loud"]"#), ["a calm piano", "it's loud"]);
        // What Python prints of: it's "loud" \ ü, a tab and U+1F3B5.
        assert_eq!(
            texts(r#"['it\'s "loud" \\ ü', '\t', '\U0001f3b5\xa0\u2009']"#),
            ["it's \"loud\" \\ ü", "\t", "\u{1f3b5}\u{a0}\u{2009}"]
        );
        assert_eq!(texts(" [ 'a' ,\n'b', ] "), ["a", "b"]);
        assert_eq!(texts("['a [live] take, with a comma']"), ["a [live] take, with a comma"]);
        assert!(texts("[]").is_empty() && texts("['']") == [""]);
    }

    #[test]
    fn what_only_looks_like_a_list_is_none() {
        for cell in [
            "[sic]",
            "['a' 'b']",
            "['a', 'b'",
            "['a', b]",
            "['a', None]",
            "['a'] and more",
            "['it's loud']",
            r"['\q']",
            r"['\x4']",
            r"['\ud800']",
            r"['\Uffffffff']",
            "['a\\",
            "[,]",
            "[1, 2]",
            "('a', 'b')",
            "[",
            "",
        ] {
            assert_eq!(list(cell), None, "{cell}");
        }
        assert!(begins_like_list("['a' 'b']") && begins_like_list(" [ \"a\"") && !begins_like_list("[sic]"));
        assert!(!begins_like_list("loud ['a']") && !begins_like_list("["));
    }
}
