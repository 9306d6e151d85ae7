//! What is odd about a manifest, and may be meant.

use std::fmt::{self, Display};
use std::path::PathBuf;

/// Files that are named of many.
const NAMED: usize = 3;

/// Something about a manifest as a whole that nobody may have meant. Displayed, it is one line that ends with the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// Audio files of a folder have no text beside them, and are left out.
    WithoutText {
        /// The folder.
        path: PathBuf,
        /// The files, relative to it.
        files: Vec<String>,
    },
    /// Columns of a table have one name.
    ColumnTwice {
        /// The table.
        path: PathBuf,
        /// The name.
        name: String,
        /// Where the columns stand, from 1.
        columns: Vec<usize>,
        /// What becomes of them.
        read: ColumnsRead,
    },
    /// Cells begin like a list of captions and are none, so that each is one caption.
    NoList {
        /// The table.
        path: PathBuf,
        /// The line of the first.
        row: usize,
        /// The first, or its beginning.
        cell: String,
        /// How many there are.
        count: usize,
    },
}

/// What becomes of columns of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnsRead {
    /// All of them are read, as captions.
    All,
    /// The first is read.
    First,
    /// None is.
    None,
}

impl Hint {
    /// Whether a training may learn something wrong from it: which of two columns is meant, only who wrote them knows.
    pub fn harms(&self) -> bool {
        matches!(self, Self::ColumnTwice { read: ColumnsRead::First, .. })
    }

    /// A word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::WithoutText { .. } => "without_text",
            Self::ColumnTwice { .. } => "column_twice",
            Self::NoList { .. } => "no_list",
        }
    }
}

impl Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WithoutText { path, files } => {
                let named: Vec<String> = files.iter().take(NAMED).map(|file| format!("`{file}`")).collect();
                let more = if files.len() > NAMED { " …" } else { "" };
                let (have, are, them) = match files.len() {
                    1 => ("file has", "is", "it"),
                    _ => ("files have", "are", "them"),
                };
                write!(
                    f,
                    "{}: {} audio {have} no text and {are} left out ({}{more}); write a .txt or .json of the same name beside {them}, or \
                     move {them} elsewhere",
                    path.display(),
                    files.len(),
                    named.join(", ")
                )
            }
            Self::ColumnTwice { path, name, columns, read } => {
                let places: Vec<String> = columns.iter().map(ToString::to_string).collect();
                let (last, others) =
                    places.split_last().map_or(("", String::new()), |(last, others)| (last, others.join(", ")));
                let all = if columns.len() > 2 { "all" } else { "both" };
                let read = match read {
                    ColumnsRead::All => "all of them are read as captions",
                    ColumnsRead::First => "the first is read, and the others are not",
                    ColumnsRead::None => "none of them is read",
                };
                write!(
                    f,
                    "{}: columns {others} and {last} are {all} called `{name}` ({read}); rename or remove what is not meant",
                    path.display()
                )
            }
            Self::NoList { path, row, cell, count } => {
                let look = if *count == 1 { "caption looks" } else { "captions look" };
                write!(
                    f,
                    "{}: {count} {look} like a list, but cannot be read as one, such as {cell} in row {row}; to have several captions, write them \
                     as [\"one\", \"two\"], with commas between quoted texts, or in columns `caption_1`, `caption_2`",
                    path.display()
                )
            }
        }
    }
}
