//! Rows of a manifest that a teacher would send back.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use muscall_audio::{Part, has_audio_extension};
use muscall_data::ExaminedSplit;
use muscall_model::ClipTokenizer;
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::leakage::{hash, normalised};
use crate::manifest::Row;

/// What tables have where there is nothing to say, in lower case.
const PLACEHOLDERS: [&str; 16] = [
    "-",
    "--",
    ".",
    "...",
    "?",
    "n/a",
    "na",
    "nan",
    "nil",
    "none",
    "null",
    "placeholder",
    "tbd",
    "todo",
    "undefined",
    "unknown",
];

/// Parts of one audio that a part is compared with: tables name them in order.
const NEIGHBOURS: usize = 64;

/// Something about a row that harms training, or may. Displayed, it is one line that ends with the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowFault {
    /// A caption stands for none.
    Placeholder {
        /// As it is written.
        caption: String,
    },
    /// A caption is the name of a file.
    FileName {
        /// As it is written.
        caption: String,
    },
    /// The caption of another row: each of the two is a wrong answer to the other.
    SameCaption {
        /// As it is written.
        caption: String,
        /// The row that has it first.
        first: usize,
    },
    /// The audio and a caption of another row, or of the same one.
    Twice {
        /// As it is written.
        caption: String,
        /// The row that has it first.
        first: usize,
        /// Whether both are of one track, which is drawn once then.
        is_one_track: bool,
    },
    /// The audio of another row under another id.
    SameAudio {
        /// The row that has it first.
        first: usize,
    },
    /// A caption is longer than the paper's text encoder reads.
    Cut {
        /// That are read, with those that mark its start and end.
        tokens: usize,
    },
}

impl RowFault {
    /// Whether a training learns something wrong from it, rather than somewhat less.
    pub fn harms(&self) -> bool {
        match self {
            Self::Placeholder { .. } | Self::FileName { .. } | Self::SameAudio { .. } => true,
            Self::Twice { is_one_track, .. } => !is_one_track,
            Self::SameCaption { .. } | Self::Cut { .. } => false,
        }
    }

    /// A word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Placeholder { .. } => "placeholder",
            Self::FileName { .. } => "file_name",
            Self::SameCaption { .. } => "same_caption",
            Self::Twice { .. } => "twice",
            Self::SameAudio { .. } => "same_audio",
            Self::Cut { .. } => "cut_caption",
        }
    }
}

impl Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Placeholder { caption } => {
                write!(f, "the caption {caption:?} is a placeholder; write what is heard, or remove the row")
            }
            Self::FileName { caption } => {
                write!(f, "the caption {caption:?} is the name of a file; write what is heard, or remove the row")
            }
            Self::SameCaption { caption, first } => {
                write!(f, "row {first} has the same caption {caption:?}; say what tells the two apart")
            }
            Self::Twice { caption, first, .. } => {
                write!(f, "row {first} has the same audio and the same caption {caption:?}; remove one of the two")
            }
            Self::SameAudio { first } => {
                write!(f, "row {first} has the same audio; remove one, or give both the same id")
            }
            Self::Cut { tokens } => {
                write!(
                    f,
                    "the caption exceeds the {tokens} tokens of the paper's text encoder, and the rest is ignored; shorten it"
                )
            }
        }
    }
}

/// A row with a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowFinding {
    /// The number of the row in its file.
    pub row: usize,
    /// The audio that it names.
    pub audio: PathBuf,
    /// The same in short, as [`Row::name`] has it.
    pub name: String,
    /// What is wrong.
    pub fault: RowFault,
}

/// A row of a split, and the numbers of its captions' rows in the file.
type Numbered<'a> = (&'a Row, &'a [usize]);

/// Faults of rows, in the order of the file. With the tokenizer of the paper's text encoder, captions that are too long for
/// that are told; others read more. With `looks_at_audio`, files of equal size are compared by their bytes.
pub fn check_rows(split: &ExaminedSplit, tokenizer: Option<&ClipTokenizer>, looks_at_audio: bool) -> Vec<RowFinding> {
    let rows: Vec<Numbered<'_>> = split.manifest.rows.iter().zip(split.numbers.iter()).collect();
    let mut findings: Vec<RowFinding> = rows.par_iter().flat_map_iter(|&row| of_row(row, tokenizer)).collect();
    findings.extend(same_captions(&rows));
    if looks_at_audio {
        let is_twice = |finding: &&RowFinding| matches!(finding.fault, RowFault::Twice { .. });
        let twice: HashSet<usize> = findings.iter().filter(is_twice).map(|finding| finding.row).collect();
        findings.extend(same_audio(&rows).into_iter().filter(|finding| !twice.contains(&finding.row)));
    }
    findings.sort_by_key(|finding| finding.row);
    findings
}

fn finding(row: &Row, number: usize, fault: RowFault) -> RowFinding {
    RowFinding { row: number, audio: row.audio.clone(), name: row.name(), fault }
}

/// The number of the first row that a track has.
fn first_of(numbers: &[usize]) -> usize {
    numbers.first().copied().unwrap_or(0)
}

fn of_row<'a>(
    (row, numbers): Numbered<'a>,
    tokenizer: Option<&'a ClipTokenizer>,
) -> impl Iterator<Item = RowFinding> + 'a {
    row.captions.iter().zip(numbers).filter_map(move |(caption, &number)| {
        let fault = if PLACEHOLDERS.contains(&caption.to_lowercase().as_str()) {
            RowFault::Placeholder { caption: caption.clone() }
        } else if is_file_name(caption, row) {
            RowFault::FileName { caption: caption.clone() }
        // A token has a character at least.
        } else if caption.len() > ClipTokenizer::CONTEXT - 2 && tokenizer.is_some_and(|own| own.is_cut(caption)) {
            RowFault::Cut { tokens: ClipTokenizer::CONTEXT }
        } else {
            return None;
        };
        Some(finding(row, number, fault))
    })
}

/// Whether a caption is the name of a file, or that of its own without the extension: one that no word is.
fn is_file_name(caption: &str, row: &Row) -> bool {
    let is_no_word = |c: char| c.is_ascii_digit() || c == '_';
    has_audio_extension(Path::new(caption))
        || caption.contains(is_no_word) && row.audio.file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case(caption))
}

fn same_captions(rows: &[Numbered<'_>]) -> Vec<RowFinding> {
    // Tables have millions of captions: their hashes are sorted, so that equal ones stand side by side.
    let hashed = |(place, (row, _)): (usize, &Numbered<'_>)| -> Vec<(u64, usize, usize)> {
        let hash = |caption: &String| xxh3_64(normalised(caption).as_bytes());
        row.captions.iter().enumerate().map(|(i, caption)| (hash(caption), place, i)).collect()
    };
    let mut captions: Vec<(u64, usize, usize)> = rows.par_iter().enumerate().flat_map_iter(hashed).collect();
    captions.par_sort_unstable();
    let text = |&(_, place, i): &(u64, usize, usize)| &rows[place].0.captions[i];
    let mut findings = Vec::new();
    for equal in captions.chunk_by(|a, b| a.0 == b.0) {
        let [first, _, ..] = equal else { continue };
        // By their audio.
        let mut known: HashMap<(&Path, Option<Part>), &(u64, usize, usize)> = HashMap::new();
        for caption in equal {
            // Of millions of hashes two may be equal by chance.
            if normalised(text(caption)) != normalised(text(first)) {
                continue;
            }
            let number = |&(_, place, i): &(u64, usize, usize)| rows[place].1.get(i).copied().unwrap_or(0);
            let (row, said) = (rows[caption.1].0, text(caption).clone());
            let fault = match known.entry((&row.audio, row.part)) {
                Entry::Occupied(same) => {
                    let same = *same.get();
                    RowFault::Twice { caption: said, first: number(same), is_one_track: same.1 == caption.1 }
                }
                Entry::Vacant(place) => {
                    place.insert(caption);
                    if caption == first {
                        continue;
                    }
                    RowFault::SameCaption { caption: said, first: number(first) }
                }
            };
            findings.push(finding(row, number(caption), fault));
        }
    }
    findings
}

fn same_audio(rows: &[Numbered<'_>]) -> Vec<RowFinding> {
    let files: BTreeMap<&Path, &Row> = rows.iter().map(|(row, _)| (row.audio.as_path(), *row)).collect();
    let mut by_size: HashMap<u64, Vec<&Row>> = HashMap::new();
    // A file that is missing is told when it is loaded.
    for row in files.into_values() {
        if let Ok(bytes) = row.size() {
            by_size.entry(bytes).or_default().push(row);
        }
    }
    // Of files with a size of their own nothing needs to be read.
    let alike: Vec<&Row> = by_size.into_values().filter(|rows| rows.len() > 1).flatten().collect();
    let hashes: HashMap<&Path, u128> =
        alike.par_iter().filter_map(|row| Some((row.audio.as_path(), hash(row)?))).collect();
    let (mut by_content, mut findings) = (HashMap::<(u128, &Path), Vec<Numbered<'_>>>::new(), Vec::new());
    for &(row, numbers) in rows {
        let path = row.audio.as_path();
        // Nobody else has the content of a file without a hash.
        let content = hashes.get(path).map_or((0, path), |&hash| (hash, Path::new("")));
        let others = by_content.entry(content).or_default();
        // A whole file, or a part that overlaps another one; of many parts the nearest few are looked at.
        let twin = others
            .iter()
            .rev()
            .take(NEIGHBOURS)
            .find(|(other, _)| other.part.zip(row.part).is_none_or(|(one, other)| one.overlaps(&other)));
        if let Some((_, first)) = twin {
            let fault = RowFault::SameAudio { first: first_of(first) };
            findings.push(finding(row, first_of(numbers), fault));
        }
        others.push((row, numbers));
    }
    findings
}
