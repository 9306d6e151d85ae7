//! A template file as it is written, before its names are looked up.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::DataError;
use crate::read_text::read_text;

/// The sections of a template file.
pub(super) struct TemplateFile {
    pub(super) threshold: BTreeMap<String, f32>,
    /// By `class.key`.
    pub(super) entry_threshold: BTreeMap<String, f32>,
    pub(super) facts: FactCounts,
    pub(super) drop: Drop,
    pub(super) alias: BTreeMap<String, String>,
    /// Of each class the phrases of each key.
    pub(super) class: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    pub(super) style: Style,
    pub(super) patterns: Vec<PatternText>,
    /// Of each column of a table the entries that a word means.
    pub(super) columns: BTreeMap<String, BTreeMap<String, OneOrMore>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FactCounts {
    pub(super) weights: Vec<f64>,
    pub(super) always: bool,
}

impl Default for FactCounts {
    fn default() -> Self {
        Self { weights: vec![3.0, 4.0, 2.0, 1.0], always: true }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Drop {
    pub(super) tags: Vec<String>,
}

/// Shares of sentences.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Style {
    pub(super) capital: f64,
    pub(super) full_stop: f64,
}

impl Default for Style {
    fn default() -> Self {
        Self { capital: 0.5, full_stop: 0.5 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PatternText {
    pub(super) text: String,
    #[serde(default = "one")]
    pub(super) weight: f64,
}

fn one() -> f64 {
    1.0
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub(super) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::More(names) => names,
        }
    }
}

impl TemplateFile {
    /// # Errors
    /// [`DataError`] with the file and what is wrong in it.
    pub(super) fn read(path: &Path) -> Result<Self, DataError> {
        let text = read_text(path)?;
        let table = text.parse::<Table>();
        let mut table = table.map_err(|source| DataError::Toml { path: path.to_owned(), source: Box::new(source) })?;
        Ok(Self {
            threshold: section(path, &mut table, "threshold")?,
            entry_threshold: section(path, &mut table, "entry_threshold")?,
            facts: section(path, &mut table, "facts")?,
            drop: section(path, &mut table, "drop")?,
            alias: section(path, &mut table, "alias")?,
            class: section(path, &mut table, "class")?,
            style: section(path, &mut table, "style")?,
            patterns: section(path, &mut table, "patterns")?,
            columns: table.into_iter().map(|(name, words)| column(path, name, words)).collect::<Result<_, _>>()?,
        })
    }
}

/// Takes a section out of the file; the default where there is none.
fn section<T: DeserializeOwned + Default>(path: &Path, table: &mut Table, name: &str) -> Result<T, DataError> {
    table
        .remove(name)
        .map_or_else(|| Ok(T::default()), |value| typed(path, name, value, "see the other keys of the file"))
}

fn column(path: &Path, name: String, words: Value) -> Result<(String, BTreeMap<String, OneOrMore>), DataError> {
    let hint = "sections are threshold, entry_threshold, facts, drop, alias, class, style, patterns, and columns of a table, whose words \
                mean entries such as \"mood.sad\"";
    typed(path, &name, words, hint).map(|words| (name, words))
}

fn typed<T: DeserializeOwned>(path: &Path, section: &str, value: Value, expected: &str) -> Result<T, DataError> {
    value.try_into().map_err(|error: toml::de::Error| DataError::Template {
        path: path.to_owned(),
        key: section.to_owned(),
        found: error.to_string().trim_end().replace('\n', " "),
        expected: expected.to_owned(),
    })
}
