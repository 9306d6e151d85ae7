//! The words of the program, each a file.

mod answers;
mod choice;
mod completions;
mod index;
mod playlist;
mod search;
mod serve;
mod similar;
mod status;

use std::process::ExitCode;

use clap::{Command, CommandFactory, Parser, Subcommand};

use crate::{Failed, console};

/// The exit code of a search that found nothing.
const NOTHING: u8 = 1;

/// Finds music in words, in your own folders, on this computer alone.
#[derive(Parser)]
#[command(
    name = "muscall",
    version,
    after_help = "Once:   muscall index ~/Music\nThen:   muscall search \"calm solo piano -drums\"\n        muscall serve\n\nExit codes: 0 done, 1 nothing fits, 2 an error."
)]
struct Program {
    #[command(subcommand)]
    word: Word,
}

#[derive(Subcommand)]
enum Word {
    Index(index::Arguments),
    Search(search::Arguments),
    Similar(similar::Arguments),
    Playlist(playlist::Arguments),
    Serve(serve::Arguments),
    Status(status::Arguments),
    Completions(completions::Arguments),
}

/// Whether something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Something,
    Nothing,
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let done = |result: Result<(), Failed>| result.map(|()| Found::Something);
    let result = match Program::parse().word {
        Word::Index(arguments) => done(index::run(&arguments)),
        Word::Search(arguments) => search::run(&arguments),
        Word::Similar(arguments) => similar::run(&arguments),
        Word::Playlist(arguments) => playlist::run(&arguments),
        Word::Serve(arguments) => done(serve::run(&arguments)),
        Word::Status(arguments) => done(status::run(&arguments)),
        Word::Completions(arguments) => done(completions::run(&arguments)),
    };
    match result {
        Ok(Found::Something) => ExitCode::SUCCESS,
        Ok(Found::Nothing) => ExitCode::from(NOTHING),
        Err(error) => console::exit(Err(error)),
    }
}

/// The program's arguments, for completions, pages of a manual, and tests.
pub fn command() -> Command {
    Program::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn arguments_are_sound() {
        super::command().debug_assert();
    }
}
