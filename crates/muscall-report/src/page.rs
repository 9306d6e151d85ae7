//! The same sections as Markdown and as one HTML file that needs nothing else.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use crate::ReportError;
use crate::picture::{Picture, save, without_font};

/// Rows of cells; the first one has the names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Table {
    pub(crate) rows: Vec<Vec<String>>,
}

/// A part of a section.
pub(crate) enum Block {
    Words(String),
    Table(Table),
    Picture { name: &'static str, alt: String, picture: Box<dyn Picture> },
}

/// A heading and what is below it.
pub(crate) struct Section {
    pub(crate) heading: &'static str,
    pub(crate) blocks: Vec<Block>,
}

const HEAD: &str = "<!doctype html>
<html lang=en>
<meta charset=utf-8>
<meta name=viewport content='width=device-width, initial-scale=1'>
<style>
:root { color-scheme: light dark; --back: #fff; --fore: #222 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; background: var(--back); color: var(--fore) }
table { border-collapse: collapse; display: block; overflow-x: auto }
th, td { padding: .25em .7em; text-align: left; vertical-align: top; border-bottom: 1px solid #8885 }
svg { max-width: 100%; height: auto }
.dark { display: none }
@media (prefers-color-scheme: dark) {
  :root { --back: #14161a; --fore: #e2e2e2 }
  .dark { display: block }
  .light { display: none }
}
</style>
";

/// Writes `report.md`, `index.html` and the pictures.
pub(crate) fn write(title: &str, sections: &[Section], out: &Path) -> Result<(), ReportError> {
    let mut markdown = format!("# {title}\n");
    let mut html = format!("{HEAD}<title>{0}</title>\n<h1>{0}</h1>\n", escape(title));
    let mut drawn = BTreeSet::new();
    for Section { heading, blocks } in sections {
        markdown += &format!("\n## {heading}\n");
        html += &format!("<h2>{}</h2>\n", escape(heading));
        for block in blocks {
            match block {
                Block::Words(words) => {
                    markdown += &format!("\n{words}\n");
                    html += &format!("<p>{}</p>\n", escape(words));
                }
                Block::Table(table) => {
                    markdown += &in_markdown(table);
                    html += &in_html(table);
                }
                Block::Picture { name, alt, picture } => {
                    let saved = save(picture.as_ref(), out, name)?;
                    drawn.extend(saved.light.chars().filter(|c| !c.is_ascii()));
                    markdown += &format!(
                        "\n<picture><source media=\"(prefers-color-scheme: dark)\" srcset=\"{name}-dark.png\">\
                         <img src=\"{name}-light.png\" width=\"{}\" alt=\"{}\"></picture>\n",
                        picture.size().0,
                        escape(alt)
                    );
                    for (class, svg) in [("light", &saved.light), ("dark", &saved.dark)] {
                        html += &inline(svg, class, alt);
                    }
                }
            }
        }
    }
    let lacking = without_font(&drawn.into_iter().collect::<String>());
    if !lacking.is_empty() {
        let words = boxes(&lacking);
        markdown += &format!("\n## Letters without a font\n\n{words}\n");
        html += &format!("<h2>Letters without a font</h2>\n<p>{}</p>\n", escape(&words));
    }
    for (name, text) in [("report.md", markdown), ("index.html", html)] {
        muscall_files::write(&out.join(name), text)?;
    }
    Ok(())
}

/// Why a picture has boxes, and how to get letters.
fn boxes(lacking: &[String]) -> String {
    format!(
        "No font was found for these characters, and the PNG files show boxes for them: {}. Install a font that has them, and write \
         the report again: on Debian and Ubuntu the packages fonts-noto-core and fonts-noto-cjk, on Fedora google-noto-fonts-all, \
         elsewhere a font from fonts.google.com/noto. The SVG files and this page hold the words themselves.",
        lacking.join(", ")
    )
}

fn in_markdown(table: &Table) -> String {
    let mut text = "\n".to_owned();
    for (i, row) in table.rows.iter().enumerate() {
        let cells: Vec<String> = row.iter().map(|cell| one_line(cell).replace('|', "\\|")).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
        if i == 0 {
            let _ = writeln!(text, "|{}", "---|".repeat(row.len()));
        }
    }
    text
}

fn in_html(table: &Table) -> String {
    let mut text = "<table>\n".to_owned();
    for (i, row) in table.rows.iter().enumerate() {
        let tag = if i == 0 { "th" } else { "td" };
        let cells: String = row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect();
        let _ = writeln!(text, "<tr>{cells}</tr>");
    }
    text + "</table>\n"
}

/// An SVG as a part of a page, named for those who do not see it.
fn inline(svg: &str, class: &str, alt: &str) -> String {
    // A page knows these names without their addresses.
    let svg = svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
    svg.replacen("<svg", &format!("<svg class={class} role=img aria-label=\"{}\"", escape(alt)), 1) + "\n"
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn letters_without_a_font_are_told_once() {
        struct Unknown;
        impl Picture for Unknown {
            fn draw(&self, canvas: &crate::Canvas<'_>, theme: &crate::Theme) -> crate::Drawn {
                // For private use: no font has a letter here, unless somebody drew it.
                let words = plotters::element::Text::new("\u{f8fe0}\u{f8fe1}", (20, 20), theme.text(20.0));
                canvas.draw(&words)
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let picture = |name| Block::Picture { name, alt: String::new(), picture: Box::new(Unknown) };
        let sections = [Section { heading: "A", blocks: vec![picture("a"), picture("b")] }];
        write("title", &sections, dir.path()).unwrap();
        for name in ["index.html", "report.md"] {
            let text = fs::read_to_string(dir.path().join(name)).unwrap();
            assert_eq!(text.matches("U+F8FE0").count(), 1, "{text}");
            assert!(text.contains("fonts-noto-core"), "{text}");
        }
        let sections = [Section { heading: "A", blocks: vec![Block::Words("\u{f8fe0}".to_owned())] }];
        write("title", &sections, dir.path()).unwrap();
        assert!(!fs::read_to_string(dir.path().join("report.md")).unwrap().contains("Letters without"));
    }

    #[test]
    fn words_of_others_stay_words() {
        let dir = tempfile::tempdir().unwrap();
        let rows = vec![vec!["caption".to_owned()], vec!["<script>alert(\"1\")</script> a | b\nc".to_owned()]];
        let sections = [Section { heading: "A & B", blocks: vec![Block::Table(Table { rows })] }];
        write("<i>", &sections, dir.path()).unwrap();
        let html = fs::read_to_string(dir.path().join("index.html")).unwrap();
        assert!(!html.contains("<script>") && html.contains("&lt;script&gt;") && html.contains("A &amp; B"));
        let markdown = fs::read_to_string(dir.path().join("report.md")).unwrap();
        assert!(markdown.contains("a \\| b c |"), "{markdown}");
    }
}
