//! Words as they are set: cleaned, ordered from left to right, each piece with its font.

use unicode_bidi::BidiInfo;
use unicode_segmentation::UnicodeSegmentation;

use crate::fonts::{BUILT_IN, Fonts, is_invisible};

/// Most characters that are looked at; no picture is wide enough for so many.
const MOST: usize = 400;
/// Most characters of what a reader takes for one, such as a letter with its marks.
const CLUSTER: usize = 16;

/// A piece of words in one font and one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// In the order of reading.
    pub(crate) text: String,
    /// Its place among [`Fonts`].
    pub(crate) face: usize,
    /// Whether it is read from right to left.
    pub(crate) leftward: bool,
}

/// Words on one line, without what no font or file can hold.
pub(crate) fn one_line(text: &str) -> String {
    let text: String = text.chars().take(MOST).map(visible).collect();
    text.graphemes(true).flat_map(|cluster| cluster.chars().take(CLUSTER)).collect()
}

fn visible(c: char) -> char {
    match c {
        // XML has no place for them.
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        _ if c.is_control() || c.is_whitespace() => ' ',
        _ => c,
    }
}

/// Whether words begin at the right, by their first letter.
pub(crate) fn is_leftward(text: &str) -> bool {
    unicode_bidi::get_base_direction(text) == unicode_bidi::Direction::Rtl
}

/// Pieces from left to right.
///
/// # Source
/// Unicode Standard Annex #9; the direction of the whole is that of its first letter.
pub(crate) fn runs(text: &str, fonts: &Fonts) -> Vec<Run> {
    let info = BidiInfo::new(text, None);
    let mut all = Vec::new();
    for paragraph in &info.paragraphs {
        let (levels, ranges) = info.visual_runs(paragraph, paragraph.range.clone());
        for range in ranges {
            let leftward = levels.get(range.start).is_some_and(|level| level.is_rtl());
            let mut pieces = in_faces(&text[range], leftward, fonts);
            if leftward {
                pieces.reverse();
            }
            all.append(&mut pieces);
        }
    }
    all
}

/// A piece of one direction, in the order of reading.
fn in_faces(text: &str, leftward: bool, fonts: &Fonts) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for cluster in text.graphemes(true) {
        let face = face(cluster, fonts);
        // What marks directions has done its work.
        let text = cluster.chars().filter(|c| !is_direction(*c));
        match runs.last_mut().filter(|run| run.face == face) {
            Some(run) => run.text.extend(text),
            None => runs.push(Run { text: text.collect(), face, leftward }),
        }
    }
    runs
}

/// The best face that has all of a cluster.
fn face(cluster: &str, fonts: &Fonts) -> usize {
    let has_all = |face: usize| cluster.chars().all(|c| is_invisible(c) || fonts.has(face, c));
    let best = cluster.chars().filter_map(|c| fonts.face(c)).find(|&face| has_all(face));
    // No face has all of it: that of its first character draws what it can.
    best.or_else(|| fonts.face(cluster.chars().next()?)).unwrap_or(BUILT_IN)
}

fn is_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(text: &str) -> Vec<(String, bool)> {
        let fonts = Fonts::new(&[], false);
        runs(text, &fonts).into_iter().map(|run| (run.text, run.leftward)).collect()
    }

    #[test]
    fn words_stand_in_the_order_of_their_direction() {
        let run = |text: &str, leftward| (text.to_owned(), leftward);
        assert_eq!(ours("a song"), [run("a song", false)]);
        assert_eq!(ours("abc שלום def"), [run("abc ", false), run("שלום", true), run(" def", false)]);
        // The first letter decides; numbers are read as they are everywhere.
        assert_eq!(ours("שלום 12!"), [run("!", true), run("12", false), run("שלום ", true)]);
        assert_eq!(ours("\u{200f}abc"), [run("abc", false), run("", true)]);
        assert_eq!(ours(""), []);
        assert!(is_leftward("«مرحبا» abc") && !is_leftward("abc مرحبا") && !is_leftward("12 !"));
    }

    #[test]
    fn a_line_is_a_line_of_bounded_length() {
        assert_eq!(one_line("a\tb\nc\u{0}d\u{2028}e\u{fffe}"), "a b c d e\u{fffd}");
        // Joiners stay, for they decide how letters look.
        assert_eq!(one_line("👨\u{200d}👩\u{200d}👧"), "👨\u{200d}👩\u{200d}👧");
        assert_eq!(one_line(&"é".repeat(10_000)).chars().count(), MOST);
        assert_eq!(one_line(&format!("a{}b", "\u{301}".repeat(100))).chars().count(), CLUSTER + 1);
        assert_eq!(one_line(&"\u{301}".repeat(10_000)).chars().count(), CLUSTER);
    }
}
