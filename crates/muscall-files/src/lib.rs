//! Files that are replaced as a whole or not at all, their hashes, and errors that name them.
//!
//! A file that others read must never be seen half-written, and a program that is killed must not take the old file with
//! it. So a new file is written under a name of its own in the same folder, flushed to the disk, and renamed:
//!
//! - [`replace`] lets the caller write to a path, for libraries that open files themselves;
//! - [`replace_bytes`] does the same with bytes that are in memory;
//! - [`write()`] is for a path that a person has given: it follows links, and writes to pipes and devices as they are.
//!
//! The file in progress is called `.muscall-new-<process>-<number>`. If the program dies, it stays; the next one that
//! writes to the folder removes it once it is an hour old.
//!
//! [`Digest`] hashes what it reads, [`sync_folder`] makes renames durable, and [`FileError`] says which file could not be
//! read or written.
//!
//! # Example
//! ```
//! # fn main() -> Result<(), muscall_files::FileError> {
//! # let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("table.csv");
//! muscall_files::write(&path, "id,score\n")?;
//! # Ok(())
//! # }
//! ```

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod digest;
mod error;
mod folder;
mod missing;
mod new_file;
mod replace;

pub use digest::Digest;
pub use error::{Access, FileError};
pub use folder::sync_folder;
pub use replace::{replace, replace_bytes, write};
