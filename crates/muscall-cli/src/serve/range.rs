//! Which bytes of a file a request asks for.

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// What to send.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// These bytes.
    Bytes(Range<u64>),
    /// Nothing: they begin behind the end.
    OutOfRange,
}

impl Part {
    /// One range is honoured if the client's copy is the file as it is. What is no range, or several,
    /// is answered with all of it, as RFC 9110 has it.
    pub fn of(headers: &HeaderMap, length: u64, tag: &str) -> Self {
        let Some(range) = headers.get(header::RANGE) else {
            return Self::Whole;
        };
        if headers.get(header::IF_RANGE).is_some_and(|condition| condition.as_bytes() != tag.as_bytes()) {
            return Self::Whole;
        }
        range.to_str().ok().and_then(|range| parse(range, length)).unwrap_or(Self::Whole)
    }
}

fn parse(range: &str, length: u64) -> Option<Part> {
    let (unit, range) = range.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (start, end) = match (first, last) {
        ("", suffix) => (length.saturating_sub(number(suffix)?), length),
        (first, "") => (number(first)?, length),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, last.saturating_add(1).min(length))
        }
    };
    Some(if start < end { Part::Bytes(start..end) } else { Part::OutOfRange })
}

/// Digits only: no sign, no space. More of them than fit are a place behind every end.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}
