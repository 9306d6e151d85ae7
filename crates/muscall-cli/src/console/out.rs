//! Standard output that may be closed at any time, as by `head`.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process;

/// A line on standard output. Whoever closes it has read enough: the program ends without a word.
pub fn say(line: impl Display) {
    if let Err(error) = writeln!(io::stdout().lock(), "{line}") {
        let quietly = error.kind() == ErrorKind::BrokenPipe;
        if !quietly {
            eprintln!("error: standard output: {error}");
        }
        process::exit(if quietly { 0 } else { 2 });
    }
}
