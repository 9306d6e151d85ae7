//! The words of pictures: how wide they are, and how they stand in an SVG and in a PNG.
//!
//! In an SVG they stay words in the order of reading, with their direction: whoever shows it has
//! fonts of its own. For a PNG each piece gets its font and its place.

use std::fmt::Write;

use resvg::usvg::{FontFamily, FontResolver, Node, Options, Tree};

use crate::fonts::{BUILT_IN, Fonts};
use crate::runs::{Run, is_leftward, one_line, runs};

/// Before the place of a font in a family's name.
const FACE: &str = "face-";
/// Sets the direction of what follows, brackets and points, too; and ends it. The mark keeps a space at the end of the
/// words from being moved to the end of the line.
const LEFTWARD: [&str; 2] = ["\u{202e}", "\u{200f}\u{202c}"];
/// Pixels of a font whose size is 1 in the library that draws.
const SIZE: f64 = 1.0 / 1.24;
/// The size at which pieces are measured; widths grow with the size.
const MEASURED: f64 = 100.0;

/// The width of words in pixels, at a size of the drawing library.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let text = one_line(text);
    let fonts = Fonts::of(&text);
    runs(&text, fonts).iter().map(|run| advance(run, size * SIZE, fonts)).sum()
}

/// An SVG in which words that begin at the right say so.
pub(crate) fn with_directions(svg: &str) -> String {
    each_text(svg, |attributes, words| {
        is_leftward(unescaped(words).trim()).then(|| {
            let turned = match value(attributes, "text-anchor") {
                Some("start") => attributes.replace("text-anchor=\"start\"", "text-anchor=\"end\""),
                Some("end") => attributes.replace("text-anchor=\"end\"", "text-anchor=\"start\""),
                _ => attributes.to_owned(),
            };
            format!("<text{turned} direction=\"rtl\">{words}</text>")
        })
    })
}

/// An SVG whose words are in pieces, each with its font and its place.
pub(crate) fn with_places(svg: &str, fonts: &Fonts) -> String {
    each_text(svg, |attributes, words| {
        let words = one_line(unescaped(words).trim());
        let runs = runs(&words, fonts);
        let plain = |run: &Run| run.face == BUILT_IN && !run.leftward;
        if matches!(&runs[..], [run] if plain(run)) || runs.is_empty() {
            return None;
        }
        let number = |name| value(attributes, name)?.parse::<f64>().ok();
        let (x, size) = (number("x")?, number("font-size")?);
        let widths: Vec<f64> = runs.iter().map(|run| advance(run, size, fonts)).collect();
        let whole: f64 = widths.iter().sum();
        let leftward = value(attributes, "direction") == Some("rtl");
        let mut at = match (value(attributes, "text-anchor"), leftward) {
            (Some("middle"), _) => x - whole / 2.0,
            (Some("end"), false) | (Some("start") | None, true) => x - whole,
            _ => x,
        };
        let own = without(attributes, &["x", "text-anchor", "direction", "font-family"]);
        let mut placed = String::new();
        for (run, width) in runs.iter().zip(widths) {
            let _ = write!(placed, "<text{own} x=\"{at}\" {}", piece(run));
            at += width;
        }
        Some(placed)
    })
}

/// How fonts are found, by the names of [`with_places`]; all others are the built-in one.
pub(crate) fn options(fonts: &Fonts) -> Options<'_> {
    let named = |family: &FontFamily| match family {
        FontFamily::Named(name) => name.strip_prefix(FACE)?.parse().ok(),
        _ => None,
    };
    let select_font = Box::new(move |font: &resvg::usvg::Font, _: &mut _| {
        fonts.id(font.families().first().and_then(named).unwrap_or(BUILT_IN))
    });
    let select_fallback = Box::new(move |c, used: &[fontdb::ID], _: &mut _| {
        fonts.face(c).and_then(|face| fonts.id(face)).filter(|id| !used.contains(id))
    });
    let font_resolver = FontResolver { select_font, select_fallback };
    Options { fontdb: fonts.database(), font_resolver, ..Options::default() }
}

/// The width of one piece; `size` is that of an SVG.
fn advance(run: &Run, size: f64, fonts: &Fonts) -> f64 {
    let measure = || {
        if !run.text.trim().is_empty() {
            return measured(run, fonts);
        }
        // Spaces alone are not drawn, and have no box.
        let [with, without] = [run.text.as_str(), ""].map(|space| Run { text: format!("x{space}x"), ..run.clone() });
        measured(&with, fonts) - measured(&without, fonts)
    };
    size / MEASURED * fonts.width(run.face, &run.text, measure)
}

/// The width of what is drawn at [`MEASURED`] pixels.
fn measured(run: &Run, fonts: &Fonts) -> f64 {
    let head = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\">";
    let svg = format!("{head}<text font-size=\"{MEASURED}\" {}</svg>", piece(run));
    let of = |node: &Node| match node {
        Node::Text(text) => f64::from(text.bounding_box().width()),
        _ => 0.0,
    };
    // Of nothing that can be seen there is no node.
    Tree::from_str(&svg, &options(fonts)).map_or(0.0, |tree| tree.root().children().iter().map(of).sum())
}

/// What is the same of a piece wherever it stands: the end of its tag, its words.
fn piece(run: &Run) -> String {
    let [from, to] = if run.leftward { LEFTWARD } else { [""; 2] };
    format!("font-family=\"{FACE}{}\" xml:space=\"preserve\">{from}{}{to}</text>", run.face, escaped(&run.text))
}

/// Rewrites the elements `text` that hold nothing but words, from their attributes and words.
fn each_text(svg: &str, mut rewrite: impl FnMut(&str, &str) -> Option<String>) -> String {
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some(start) = rest.find("<text") {
        let (before, element) = rest.split_at(start);
        out.push_str(before);
        let parts = element["<text".len()..].split_once('>').and_then(|(attributes, after)| {
            let (words, after) = after.split_once("</text>")?;
            let ours = attributes.starts_with(' ') && !attributes.ends_with('/') && !words.contains('<');
            ours.then_some((attributes, words, after))
        });
        let rewritten = parts.and_then(|(attributes, words, after)| Some((rewrite(attributes, words)?, after)));
        match rewritten {
            Some((element, after)) => {
                out.push_str(&element);
                rest = after;
            }
            None => {
                out.push_str("<text");
                rest = &element["<text".len()..];
            }
        }
    }
    out + rest
}

/// The value of an attribute.
fn value<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    attributes.split_once(&format!(" {name}=\""))?.1.split('"').next()
}

fn without(attributes: &str, names: &[&str]) -> String {
    let mut rest = attributes.to_owned();
    for name in names {
        if let Some(value) = value(&rest, name) {
            rest = rest.replace(&format!(" {name}=\"{value}\""), "");
        }
    }
    rest
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn unescaped(text: &str) -> String {
    let names = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    names.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(anchor: &str, words: &str) -> String {
        format!("<text x=\"100\" y=\"9\" text-anchor=\"{anchor}\" font-size=\"20\">\n{words}\n</text>")
    }

    #[test]
    fn words_from_the_right_say_so_and_stay_where_they_are() {
        let svg =
            [text("start", "a &lt;b&gt;"), text("start", "שלום"), text("end", "שלום"), text("middle", "שלום")].concat();
        let turned = with_directions(&svg);
        let anchors = ["start", "end", "start", "middle"].map(|anchor| format!("text-anchor=\"{anchor}\""));
        let found: Vec<&str> =
            turned.match_indices("text-anchor=").map(|(at, _)| turned[at..].split(' ').next().unwrap_or("")).collect();
        assert_eq!(found, anchors);
        assert_eq!(turned.matches("direction=\"rtl\"").count(), 3);
        assert!(turned.starts_with(&text("start", "a &lt;b&gt;")), "{turned}");
    }

    #[test]
    fn pieces_have_the_place_of_the_whole() {
        let fonts = Fonts::new(&[], false);
        let places = |anchor: &str| -> Vec<f64> {
            let placed = with_places(&with_directions(&text(anchor, "שלום 12!")), &fonts);
            placed
                .match_indices(" x=\"")
                .filter_map(|(at, x)| placed[at + x.len()..].split('"').next()?.parse().ok())
                .collect()
        };
        let whole = width("שלום 12!", 20.0 * 1.24);
        let (start, middle, end) = (places("start"), places("middle"), places("end"));
        assert_eq!((start.len(), start[0]), (3, 100.0));
        assert!(start[0] < start[1] && start[1] < start[2] && start[2] < 100.0 + whole);
        assert!((middle[0] - (100.0 - whole / 2.0)).abs() < 1e-6 && (end[0] - (100.0 - whole)).abs() < 1e-6);
        // Words that the built-in font sets as they are stay as they are, and so do elements that hold others.
        for svg in
            [text("start", "a &amp; b"), "<text x=\"1\"><tspan>שלום</tspan></text>".to_owned(), "<text".to_owned()]
        {
            assert_eq!(with_places(&svg, &fonts), svg);
        }
    }

    #[test]
    fn spaces_count_and_what_is_not_seen_has_no_width() {
        assert!(width("a b", 16.0) > width("ab", 16.0) + 2.0);
        assert!((width("שלום ", 16.0) - width("שלום", 16.0) - width(" ", 16.0)).abs() < 0.1);
        assert!((width("a\u{200d}b", 16.0) - width("ab", 16.0)).abs() < 0.1);
        assert_eq!(width("", 16.0), 0.0);
        for text in ["\u{301}", "\u{202e}", "\u{0}", "\u{200d}", "ا\u{64b}\u{64b}"] {
            assert!(width(&text.repeat(10_000), 16.0).is_finite());
        }
    }
}
