//! What tags mean, and what their meaning is called.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Entry, Facts, Tag, UnknownTag};
use super::template_file::TemplateFile;

/// What the templates refuse: the key, what stands there and what should.
pub(super) struct Refusal {
    pub(super) key: String,
    pub(super) found: String,
    pub(super) expected: String,
}

pub(super) struct Class {
    pub(super) name: String,
    /// Of each key the lowest confidence of a fact.
    thresholds: Vec<f32>,
    /// Of each key.
    phrases: Vec<Vec<String>>,
}

pub(super) struct Vocabulary {
    pub(super) classes: Vec<Class>,
    /// By tag in lower case; `None` for a tag that is dropped.
    meanings: BTreeMap<String, Option<Entry>>,
    /// By column, then by word in lower case.
    words: BTreeMap<String, BTreeMap<String, Vec<Entry>>>,
}

impl Vocabulary {
    pub(super) fn new(file: &TemplateFile) -> Result<Self, Refusal> {
        let mut entries = BTreeMap::new();
        let (mut classes, mut keys) = (Vec::new(), BTreeMap::<String, Vec<Entry>>::new());
        for (class, (name, phrases)) in file.class.iter().enumerate() {
            for (number, (key, phrases)) in phrases.iter().enumerate() {
                let entry = Entry { class, key: number };
                entries.insert(format!("{name}.{key}"), entry);
                keys.entry(key.to_lowercase()).or_default().push(entry);
                if phrases.is_empty() || phrases.iter().any(|phrase| phrase.trim().is_empty()) {
                    return Err(refusal(
                        format!("class.{name}.{key}"),
                        format!("{phrases:?}"),
                        "phrases, none of them empty",
                    ));
                }
            }
            let threshold = file.threshold.get(name).copied().unwrap_or(0.0);
            let thresholds = vec![valid_threshold(format!("threshold.{name}"), threshold)?; phrases.len()];
            classes.push(Class { name: name.clone(), thresholds, phrases: phrases.values().cloned().collect() });
        }
        if classes.is_empty() {
            return Err(refusal("class".to_owned(), "absent".to_owned(), "at least one section such as [class.mood]"));
        }
        if let Some(name) = file.threshold.keys().find(|name| !file.class.contains_key(*name)) {
            return Err(refusal("threshold".to_owned(), format!("for `{name}`"), "the name of a class"));
        }
        let entry = |key: String, name: &String| {
            let expected = "an entry of a class, such as \"mood.sad\"";
            entries.get(name).copied().ok_or_else(|| refusal(key, format!("`{name}`"), expected))
        };
        for (name, threshold) in &file.entry_threshold {
            let Entry { class, key } = entry("entry_threshold".to_owned(), name)?;
            classes[class].thresholds[key] = valid_threshold(format!("entry_threshold.{name}"), *threshold)?;
        }
        // A key of two classes is no tag, as nobody could tell which is meant.
        let mut meanings: BTreeMap<String, Option<Entry>> = keys
            .into_iter()
            .filter(|(_, entries)| entries.len() == 1)
            .map(|(key, entries)| (key, Some(entries[0])))
            .collect();
        meanings.extend(entries.iter().map(|(name, entry)| (name.to_lowercase(), Some(*entry))));
        for (tag, name) in &file.alias {
            meanings.insert(tag.to_lowercase(), Some(entry(format!("alias.{tag}"), name)?));
        }
        meanings.extend(file.drop.tags.iter().map(|tag| (tag.to_lowercase(), None)));
        let mut words = BTreeMap::new();
        for (column, meant) in &file.columns {
            let meant = meant.iter().map(|(word, names)| {
                let names = names.as_slice().iter().map(|name| entry(format!("{column}.{word}"), name));
                Ok((word.to_lowercase(), names.collect::<Result<_, _>>()?))
            });
            words.insert(column.clone(), meant.collect::<Result<_, _>>()?);
        }
        Ok(Self { classes, meanings, words })
    }

    pub(super) fn class(&self, name: &str) -> Option<usize> {
        self.classes.iter().position(|class| class.name == name)
    }

    pub(super) fn phrases(&self, entry: Entry) -> &[String] {
        &self.classes[entry.class].phrases[entry.key]
    }

    /// Columns whose words mean something.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.words.keys().map(String::as_str)
    }

    /// Adds what tags mean, each if the tagger is sure enough of it.
    pub(super) fn add_tags(&self, facts: &mut Facts, tags: &[Tag]) -> Result<(), UnknownTag> {
        for (entry, confidence) in self.meant(tags)? {
            if confidence >= self.classes[entry.class].thresholds[entry.key] {
                facts.add(entry, confidence);
            }
        }
        Ok(())
    }

    /// Adds what the most confident tag means, however sure the tagger is of it; of several, the first one.
    pub(super) fn add_best(&self, facts: &mut Facts, tags: &[Tag]) -> Result<(), UnknownTag> {
        let mut meant = self.meant(tags)?;
        meant.sort_by(|a, b| b.1.total_cmp(&a.1));
        meant.first().into_iter().for_each(|(entry, confidence)| facts.add(*entry, *confidence));
        Ok(())
    }

    /// What tags mean that are not dropped, and how sure that is.
    fn meant(&self, tags: &[Tag]) -> Result<Vec<(Entry, f32)>, UnknownTag> {
        let meanings = tags.iter().map(|tag| {
            let meaning = self.meanings.get(&tag.name.to_lowercase());
            let meaning = meaning.ok_or_else(|| UnknownTag { tag: tag.name.clone() })?;
            Ok(meaning.map(|entry| (entry, tag.confidence.unwrap_or(1.0))))
        });
        meanings.filter_map(Result::transpose).collect()
    }

    /// Adds what the words of a text mean, which is split at everything that is no letter.
    pub(super) fn add_words(&self, facts: &mut Facts, column: &str, text: &str) {
        let Some(meant) = self.words.get(column) else {
            return;
        };
        let text = text.to_lowercase();
        let words: BTreeSet<&str> = text.split(|character: char| !character.is_alphabetic()).collect();
        for entry in words.iter().filter_map(|word| meant.get(*word)).flatten() {
            facts.add(*entry, 1.0);
        }
    }
}

fn valid_threshold(key: String, threshold: f32) -> Result<f32, Refusal> {
    match threshold {
        0.0..=1.0 => Ok(threshold),
        _ => Err(refusal(key, threshold.to_string(), "0 to 1")),
    }
}

fn refusal(key: String, found: String, expected: &str) -> Refusal {
    Refusal { key, found, expected: expected.to_owned() }
}
