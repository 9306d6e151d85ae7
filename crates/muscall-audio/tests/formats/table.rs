//! Tables of what was found, as they stand in the README.

use std::collections::BTreeMap;

use crate::sound::NONE;

/// A table between two comments.
pub struct Table {
    /// In the comments.
    pub name: &'static str,
    pub columns: &'static [&'static str],
    rows: Vec<Row>,
}

/// What was found of all files of one kind.
struct Row {
    key: Vec<String>,
    files: usize,
    /// For each column the word of every variant.
    cells: Vec<Vec<(String, String)>>,
}

impl Table {
    /// The first columns are the key, then comes the number of files.
    pub fn new(name: &'static str, columns: &'static [&'static str]) -> Self {
        Self { name, columns, rows: Vec::new() }
    }

    pub fn add(&mut self, key: &[&str], variant: &str, words: &[&str]) {
        assert_eq!(key.len() + 1 + words.len(), self.columns.len());
        let row = match self.rows.iter_mut().position(|row| row.key == key) {
            Some(row) => &mut self.rows[row],
            None => {
                let key = key.iter().map(|&part| part.to_owned()).collect();
                self.rows.push(Row { key, files: 0, cells: vec![Vec::new(); words.len()] });
                self.rows.last_mut().unwrap()
            }
        };
        row.files += 1;
        for (cell, &word) in row.cells.iter_mut().zip(words) {
            cell.push((variant.to_owned(), word.to_owned()));
        }
    }

    fn start(&self) -> String {
        format!("<!-- {} -->\n", self.name)
    }

    fn end(&self) -> String {
        format!("<!-- /{} -->", self.name)
    }

    /// The lines between the comments.
    fn text(&self) -> String {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by_key(|row| row.key.iter().map(|part| part.to_lowercase()).collect::<Vec<_>>());
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let head: Vec<_> = self.columns.iter().map(|&column| column.to_owned()).collect();
        let mut text = line(&head) + &"|---".repeat(head.len()) + "|\n";
        for row in rows {
            text += &line(&row.texts());
        }
        text
    }

    /// The README with this table in the place of its own, below a line about all of it.
    pub fn written_into(&self, readme: &str, note: &str) -> String {
        let (before, rest) = readme.split_once(&self.start()).unwrap();
        let (_, after) = rest.split_once(&self.end()).unwrap();
        format!("{before}{}{note}\n\n{}{}{after}", self.start(), self.text(), self.end())
    }

    /// What the README's table says otherwise about the rows that there are files for: of each row all of it if all
    /// files are there, else the words of those that are.
    pub fn stale(&self, readme: &str, is_whole: bool) -> Vec<String> {
        let Some((_, rest)) = readme.split_once(&self.start()) else {
            return vec![format!("the comment {} is missing", self.start().trim())];
        };
        let (told, _) = rest.split_once(&self.end()).unwrap_or_default();
        let told: BTreeMap<Vec<String>, Vec<String>> = told
            .lines()
            .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>())
            .filter(|cells| cells.len() == self.columns.len())
            .map(|cells| (cells[..self.rows[0].key.len()].to_vec(), cells))
            .collect();
        let mut stale = Vec::new();
        for row in &self.rows {
            let name = row.key.join(", ");
            let Some(told) = told.get(&row.key) else {
                stale.push(format!("{name}: no row"));
                continue;
            };
            if is_whole {
                let found = row.texts();
                let columns = self.columns.iter().zip(told.iter().zip(&found));
                stale.extend(columns.filter(|(_, (told, found))| told != found).map(|(column, (told, found))| {
                    format!("{name}, {column}: the README says \"{told}\", found \"{found}\"")
                }));
                continue;
            }
            for (column, cell) in row.cells.iter().enumerate() {
                let column = column + row.key.len() + 1;
                stale.extend(
                    cell.iter().filter(|(variant, word)| word != NONE && word_of(&told[column], variant) != word).map(
                        |(variant, word)| {
                            let (told, column) = (word_of(&told[column], variant), self.columns[column]);
                            format!("{name}, {variant}, {column}: the README says \"{told}\", found \"{word}\"")
                        },
                    ),
                );
            }
        }
        stale
    }
}

impl Row {
    fn texts(&self) -> Vec<String> {
        let cells = self.cells.iter().map(|cell| text_of(cell));
        self.key.iter().cloned().chain([self.files.to_string()]).chain(cells).collect()
    }
}

/// The word of most variants, then the others with the variants that they hold for. Of those of which nothing can be
/// said nothing is said, unless they are all.
fn text_of(cell: &[(String, String)]) -> String {
    let mut words: Vec<(&str, Vec<&str>)> = Vec::new();
    let said: Vec<_> = cell.iter().filter(|(_, word)| word != NONE).collect();
    if said.is_empty() {
        return NONE.to_owned();
    }
    for (variant, word) in said {
        match words.iter_mut().find(|(known, _)| known == word) {
            Some((_, variants)) => variants.push(variant),
            None => words.push((word, vec![variant])),
        }
    }
    words.sort_by_key(|(_, variants)| std::cmp::Reverse(variants.len()));
    let texts = words.iter().enumerate().map(|(place, (word, variants))| match place {
        0 => (*word).to_owned(),
        _ => format!("{word}: {}", variants.join(", ")),
    });
    texts.collect::<Vec<_>>().join("; ")
}

/// What a cell says of a variant.
fn word_of<'a>(cell: &'a str, variant: &str) -> &'a str {
    let mut words = cell.split("; ");
    let first = words.next().unwrap_or_default();
    let other = words
        .filter_map(|text| text.split_once(": "))
        .find(|(_, variants)| variants.split(", ").any(|known| known == variant));
    other.map_or(first, |(word, _)| word)
}
