//! Tables of clips with tags.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use csv::StringRecord;

use super::facts::{Facts, Tag};
use super::templates::Templates;
use crate::DataError;
use crate::delimited::{self, Dialect};
use crate::manifest::AUDIO_KEYS;

/// The column whose words are looked for in names of files as well.
const TITLE: &str = "title";
/// Between the tags of a cell.
const SEPARATOR: char = ';';

/// A clip as a table has it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggedRow {
    /// The line of the table, from 1.
    pub line: usize,
    /// The audio file, as it is written.
    pub audio: String,
    /// What else is known, by the name of the column; cells that are empty are left out.
    pub cells: BTreeMap<String, String>,
}

/// Clips with tags, from a `.csv` or `.tsv` file, which may be compressed (`.csv.gz`).
#[derive(Debug, Clone, PartialEq)]
pub struct TagTable {
    /// In the order of the file.
    pub rows: Vec<TaggedRow>,
    path: PathBuf,
}

impl TagTable {
    /// Reads a table with a header. One column names the audio file (`audio`, `audio_path`, `file`, `file_name` or
    /// `path`).
    ///
    /// # Errors
    /// [`DataError`] with the file, the row, what was found and what to do.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let plain = path.extension().is_some_and(|extension| extension == "gz").then(|| path.with_extension(""));
        let is_tsv = plain.as_deref().unwrap_or(path).extension().is_some_and(|extension| extension == "tsv");
        let mut reader = delimited::open(path, Dialect::new(if is_tsv { b'\t' } else { b',' }))?;
        let csv = |source| DataError::csv(path, source);
        let header: Vec<String> = reader.headers().map_err(csv)?.iter().map(|name| name.trim().to_owned()).collect();
        let audio = AUDIO_KEYS.iter().find_map(|name| header.iter().position(|column| column == name));
        let missing = |row, found| {
            let (key, remedy) = ("audio".to_owned(), "add it, or rename the column that has it".to_owned());
            DataError::MissingKey { path: path.to_owned(), row, key, found, remedy }
        };
        let audio = audio.ok_or_else(|| missing(1, header.join(", ")))?;
        let (mut rows, mut record) = (Vec::new(), StringRecord::new());
        while reader.read_record(&mut record).map_err(csv)? {
            let line = record.position().map_or(0, |position| position.line() as usize);
            let mut cells: BTreeMap<String, String> = header
                .iter()
                .zip(record.iter().map(str::trim))
                .filter(|(_, cell)| !cell.is_empty())
                .map(|(name, cell)| (name.clone(), cell.to_owned()))
                .collect();
            let audio = cells.remove(&header[audio]).ok_or_else(|| missing(line, "an empty cell".to_owned()))?;
            rows.push(TaggedRow { line, audio, cells });
        }
        if rows.is_empty() {
            return Err(DataError::EmptyManifest { path: path.to_owned() });
        }
        Ok(Self { rows, path: path.to_owned() })
    }

    /// Gives the rows what another table says of the same audio files, as a catalogue of whole tracks does of their
    /// parts. Cells that a row has stay.
    pub fn join(&mut self, other: &Self) {
        let mut known: HashMap<&str, Vec<&TaggedRow>> = HashMap::new();
        other.rows.iter().for_each(|row| known.entry(&row.audio).or_default().push(row));
        for row in &mut self.rows {
            for (name, cell) in known.get(&*row.audio).into_iter().flatten().flat_map(|row| &row.cells) {
                row.cells.entry(name.clone()).or_insert_with(|| cell.clone());
            }
        }
    }

    /// What can be said of a row: its tags, in the columns that are named, as `name:confidence` or a name alone, with
    /// `;` between them; and the words of the columns for which the templates have a section. The section `title` is
    /// also for the name of the file. Where that gives no fact, the most confident tag is one, unless the templates say
    /// `always = false`.
    ///
    /// # Errors
    /// [`DataError::WrongType`] for what is no tag, [`DataError::UnknownTag`] for one that the templates do not know.
    pub fn facts(&self, row: &TaggedRow, columns: &[String], templates: &Templates) -> Result<Facts, DataError> {
        let mut facts = Facts::default();
        let mut tags = Vec::new();
        for (name, cell) in columns.iter().filter_map(|name| row.cells.get_key_value(name)) {
            for part in cell.split(SEPARATOR).filter(|part| !part.trim().is_empty()) {
                tags.push(Tag::parse(part).ok_or_else(|| DataError::WrongType {
                    path: self.path.clone(),
                    row: row.line,
                    key: name.clone(),
                    found: format!("`{part}`"),
                    expected: "a tag, or a tag with a confidence from 0 to 1, such as `guitar:0.25`",
                })?);
            }
        }
        let unknown = |source| DataError::UnknownTag { path: self.path.clone(), row: row.line, source };
        templates.add_tags(&mut facts, &tags).map_err(unknown)?;
        for column in templates.columns() {
            if let Some(cell) = row.cells.get(column) {
                templates.add_words(&mut facts, column, cell);
            }
        }
        let name = Path::new(&row.audio).file_stem().unwrap_or_default();
        templates.add_words(&mut facts, TITLE, &name.to_string_lossy());
        templates.add_best_if_none(&mut facts, &tags).map_err(unknown)?;
        Ok(facts)
    }

    /// Whether any row has this column.
    pub fn has_column(&self, name: &str) -> bool {
        self.rows.iter().any(|row| row.cells.contains_key(name))
    }
}
