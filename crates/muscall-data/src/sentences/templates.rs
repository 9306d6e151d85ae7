//! From facts to sentences.

use std::path::{Path, PathBuf};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::facts::{Entry, Facts, Tag, UnknownTag};
use super::pattern::{MOST_IN_A_SLOT, Pattern, Piece, Slot};
use super::template_file::{Style, TemplateFile};
use super::vocabulary::{Refusal, Vocabulary};
use super::wording::{append, capital, join, key};
use crate::DataError;

/// Tries per sentence that is wanted, before a row has to do with fewer.
const TRIES: usize = 30;

/// What tags may be called and what sentences look like, read from a [file](super#the-template-file).
pub struct Templates {
    path: PathBuf,
    vocabulary: Vocabulary,
    patterns: Vec<Pattern>,
    /// How often a sentence states one fact, two facts and so on.
    fact_weights: Vec<f64>,
    /// Whether a clip without a fact states its most confident tag.
    always: bool,
    style: Style,
}

impl std::fmt::Debug for Templates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Templates").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Templates {
    /// Reads a template file.
    ///
    /// # Errors
    /// [`DataError`] with the file, the key, what stands there and what is expected.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let file = TemplateFile::read(path)?;
        let of_file =
            |Refusal { key, found, expected }| DataError::Template { path: path.to_owned(), key, found, expected };
        let vocabulary = Vocabulary::new(&file).map_err(of_file)?;
        let numbered = file.patterns.iter().zip(1..);
        let patterns = numbered.map(|(text, number)| Pattern::new(text, number, &vocabulary));
        let patterns = patterns.collect::<Result<Vec<_>, _>>().map_err(of_file)?;
        let refuse = |key: &str, found: String, expected: &str| {
            Err(of_file(Refusal { key: key.to_owned(), found, expected: expected.to_owned() }))
        };
        if !patterns.iter().any(|pattern| pattern.weight > 0.0) {
            return refuse("patterns", format!("{} patterns", patterns.len()), "at least one with a weight above 0");
        }
        let (weights, always) = (file.facts.weights, file.facts.always);
        let valid = weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0);
        if !valid || weights.iter().sum::<f64>() <= 0.0 {
            return refuse("facts.weights", format!("{weights:?}"), "numbers from 0, one of them above 0");
        }
        for (key, share) in [("style.capital", file.style.capital), ("style.full_stop", file.style.full_stop)] {
            if !(0.0..=1.0).contains(&share) {
                return refuse(key, share.to_string(), "0 to 1");
            }
        }
        Ok(Self { path: path.to_owned(), vocabulary, patterns, fact_weights: weights, always, style: file.style })
    }

    /// Adds what tags mean to the facts, as far as the tagger is sure of it.
    ///
    /// # Errors
    /// [`UnknownTag`] for the first tag that is in no class, alias or list of dropped tags.
    pub fn add_tags(&self, facts: &mut Facts, tags: &[Tag]) -> Result<(), UnknownTag> {
        self.vocabulary.add_tags(facts, tags)
    }

    /// Where there is no fact, adds what the most confident tag means, unless the file says `always = false`.
    ///
    /// # Errors
    /// As [`add_tags`](Self::add_tags).
    pub fn add_best_if_none(&self, facts: &mut Facts, tags: &[Tag]) -> Result<(), UnknownTag> {
        if self.always && facts.is_empty() { self.vocabulary.add_best(facts, tags) } else { Ok(()) }
    }

    /// Adds what the words of a text mean, if there is a section for this column; words that it does not have mean
    /// nothing.
    pub fn add_words(&self, facts: &mut Facts, column: &str, text: &str) {
        self.vocabulary.add_words(facts, column, text);
    }

    /// Names of the columns whose words mean something.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.vocabulary.columns()
    }

    /// Up to `count` sentences, no two of them alike; fewer where the facts do not give more, none where there is no
    /// fact or no pattern for them. The same facts and seed give the same sentences:
    /// [`item_seed`](crate::dataset::item_seed) makes the seed of a row.
    pub fn sentences(&self, facts: &Facts, count: usize, seed: u64) -> Vec<String> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut sentences, mut keys) = (Vec::new(), Vec::new());
        for _ in 0..TRIES * count {
            if sentences.len() == count {
                break;
            }
            let Some(sentence) = self.sentence(facts, &mut rng) else {
                continue;
            };
            let key = key(&sentence);
            if !keys.contains(&key) {
                keys.push(key);
                sentences.push(sentence);
            }
        }
        sentences
    }

    /// `None` if nothing can be said, or if the same phrase would be in it twice.
    fn sentence(&self, facts: &Facts, rng: &mut impl Rng) -> Option<String> {
        let available: Vec<usize> =
            (0..self.vocabulary.classes.len()).map(|class| facts.of_class(class).count()).collect();
        let ranges: Vec<_> = self.patterns.iter().map(|pattern| pattern.facts(&available)).collect();
        let weight = |pattern: usize, count: usize| {
            let states = ranges[pattern].is_some_and(|(fewest, most)| (fewest..=most).contains(&count));
            if states { self.patterns[pattern].weight } else { 0.0 }
        };
        // How many facts, among the numbers that some pattern can state; then which pattern.
        let counts = self.fact_weights.iter().enumerate().map(|(i, count_weight)| {
            let possible = (0..self.patterns.len()).any(|pattern| weight(pattern, i + 1) > 0.0);
            if possible { *count_weight } else { 0.0 }
        });
        let count = 1 + weighted(&counts.collect::<Vec<_>>(), rng)?;
        let weights: Vec<f64> = (0..self.patterns.len()).map(|pattern| weight(pattern, count)).collect();
        let pattern = &self.patterns[weighted(&weights, rng)?];

        let slots: Vec<Slot> = pattern.slots().collect();
        let sizes = sizes(&slots, available, count, rng);
        let mut orders: Vec<_> = (0..self.vocabulary.classes.len()).map(|class| shuffled(facts, class, rng)).collect();
        let (mut text, mut said) = (String::new(), Vec::new());
        let mut filled = slots.iter().zip(sizes);
        for piece in &pattern.pieces {
            match piece {
                Piece::Text(words) => text.push_str(words),
                Piece::Slot(_) => {
                    let (slot, size) = filled.next()?;
                    let mut phrases = Vec::new();
                    for _ in 0..size {
                        let entry = Entry { class: slot.class, key: orders[slot.class].pop()? };
                        let phrase = self.phrase(entry, &said, rng)?;
                        said.push(phrase);
                        phrases.push(phrase);
                    }
                    append(&mut text, &join(&phrases));
                }
            }
        }
        if rng.random_bool(self.style.capital) {
            text = capital(&text);
            if rng.random_bool(self.style.full_stop) {
                text.push('.');
            }
        }
        Some(text)
    }

    /// One of the phrases that have not been said.
    fn phrase<'a>(&'a self, entry: Entry, said: &[&str], rng: &mut impl Rng) -> Option<&'a str> {
        let phrases = self.vocabulary.phrases(entry).iter().map(|phrase| phrase.trim());
        let left: Vec<&str> = phrases.filter(|phrase| !said.contains(phrase)).collect();
        (!left.is_empty()).then(|| left[rng.random_range(0..left.len())])
    }
}

/// How many facts go into each slot: one, and what is left at random into slots of several.
fn sizes(slots: &[Slot], mut available: Vec<usize>, count: usize, rng: &mut impl Rng) -> Vec<usize> {
    let mut sizes = vec![1; slots.len()];
    slots.iter().for_each(|slot| available[slot.class] -= 1);
    for _ in slots.len()..count {
        let roomy = |i: &usize| slots[*i].several && sizes[*i] < MOST_IN_A_SLOT && available[slots[*i].class] > 0;
        let open: Vec<usize> = (0..slots.len()).filter(roomy).collect();
        if open.is_empty() {
            break;
        }
        let chosen = open[rng.random_range(0..open.len())];
        sizes[chosen] += 1;
        available[slots[chosen].class] -= 1;
    }
    sizes
}

/// The keys of a class in random order; the more confident, the nearer to the end.
fn shuffled(facts: &Facts, class: usize, rng: &mut impl Rng) -> Vec<usize> {
    // Exponentially distributed times: the first one to ring is drawn in proportion to its rate.
    let ring =
        |(key, confidence): (usize, f32)| (-(1.0 - rng.random::<f64>()).ln() / f64::from(confidence.max(1e-3)), key);
    let mut times: Vec<(f64, usize)> = facts.of_class(class).map(ring).collect();
    times.sort_by(|a, b| b.0.total_cmp(&a.0));
    times.into_iter().map(|(_, key)| key).collect()
}

/// An index in proportion to its weight; `None` if all are 0.
fn weighted(weights: &[f64], rng: &mut impl Rng) -> Option<usize> {
    let mut place = rng.random::<f64>() * weights.iter().sum::<f64>();
    let last = weights.iter().rposition(|weight| *weight > 0.0)?;
    let drawn = weights.iter().position(|weight| {
        place -= weight;
        *weight > 0.0 && place < 0.0
    });
    Some(drawn.unwrap_or(last))
}
