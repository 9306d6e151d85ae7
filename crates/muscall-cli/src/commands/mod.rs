//! The commands of the program, each in a file of its own.

pub mod ablate;
mod answers;
pub mod benchmark;
pub mod calibrate;
pub mod check;
mod choice;
mod classify;
pub mod compare;
mod completions;
mod devices;
mod distil;
mod duplicates;
pub mod embed;
pub mod evaluate;
pub mod export;
mod folder_watch;
mod found;
pub mod import;
mod index;
pub mod inspect;
mod manual;
mod models;
mod playlist;
mod recipes;
#[cfg(feature = "report")]
pub mod report;
#[cfg(not(feature = "report"))]
mod report_missing;
mod run_settings;
mod search;
mod serve;
mod similar;
mod status;
mod tags;
mod taught;
pub mod train;

use std::process::{ExitCode, Termination};

use clap::{Args, Command, CommandFactory, Parser, Subcommand};

use self::found::Found;
use crate::{Failed, console};

/// The exit code of a search that found nothing.
const NOTHING: u8 = 1;

/// Search your own music by describing it. Nothing leaves this computer.
#[derive(Parser)]
#[command(
    name = "muscall",
    version,
    after_help = "Once:   muscall index ~/Music\nThen:   muscall search calm solo piano\n        muscall serve\n\nExit codes: 0 done, 1 nothing fits (or check found what would harm training), 2 an error."
)]
struct Program {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Index(index::Arguments),
    Search(search::Arguments),
    Similar(similar::Arguments),
    Playlist(playlist::Arguments),
    Duplicates(duplicates::Arguments),
    Classify(classify::Arguments),
    Tags(tags::Arguments),
    Serve(serve::Arguments),
    Status(status::Arguments),
    Models(models::Arguments),
    Devices(devices::Arguments),
    Import(import::Arguments),
    Export(export::Arguments),
    Embed(embed::Arguments),
    Inspect(inspect::Arguments),
    Check(check::Arguments),
    Train(train::Arguments),
    Distil(distil::Arguments),
    Evaluate(evaluate::Arguments),
    Compare(compare::Arguments),
    #[cfg(feature = "report")]
    Report(report::Arguments),
    #[cfg(not(feature = "report"))]
    Report(report_missing::Arguments),
    Calibrate(calibrate::Arguments),
    Ablate(ablate::Arguments),
    Benchmark(benchmark::Arguments),
    Completions(completions::Arguments),
    Manual(manual::Arguments),
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let done = |result: Result<(), Failed>| result.map(|()| Found::Something);
    let result = match Program::parse().action {
        Action::Index(arguments) => done(index::run(&arguments)),
        Action::Search(arguments) => search::run(&arguments),
        Action::Similar(arguments) => similar::run(&arguments),
        Action::Playlist(arguments) => playlist::run(&arguments),
        Action::Serve(arguments) => done(serve::run(&arguments)),
        Action::Duplicates(arguments) => duplicates::run(&arguments),
        Action::Classify(arguments) => done(classify::run(&arguments)),
        Action::Tags(arguments) => tags::run(&arguments),
        Action::Status(arguments) => done(status::run(&arguments)),
        Action::Models(arguments) => done(models::run(&arguments)),
        Action::Devices(arguments) => done(devices::run(&arguments)),
        Action::Import(arguments) => done(import::run(&arguments)),
        Action::Export(arguments) => done(export::run(&arguments)),
        Action::Embed(arguments) => done(embed::run(&arguments)),
        Action::Inspect(arguments) => done(inspect::run(&arguments)),
        Action::Check(arguments) => return check::run(&arguments).unwrap_or_else(|error| console::exit(Err(error))),
        Action::Train(arguments) => done(train::run(&arguments)),
        Action::Distil(arguments) => done(distil::run(&arguments)),
        Action::Evaluate(arguments) => done(evaluate::run(&arguments)),
        Action::Compare(arguments) => done(compare::run(&arguments)),
        #[cfg(feature = "report")]
        Action::Report(arguments) => done(report::run(&arguments)),
        #[cfg(not(feature = "report"))]
        Action::Report(arguments) => done(report_missing::run(&arguments)),
        Action::Calibrate(arguments) => done(calibrate::run(&arguments)),
        Action::Ablate(arguments) => done(ablate::run(&arguments)),
        Action::Benchmark(arguments) => done(benchmark::run(&arguments)),
        Action::Completions(arguments) => done(completions::run(&arguments, command())),
        Action::Manual(arguments) => done(manual::run(&arguments, command())),
    };
    match result {
        Ok(Found::Something) => ExitCode::SUCCESS,
        Ok(Found::Nothing) => ExitCode::from(NOTHING),
        Err(error) => console::exit(Err(error)),
    }
}

/// One command as a program of its own, with the arguments of this process.
pub fn as_program<A: Args, T: Termination>(name: &'static str, run: impl FnOnce(&A) -> Result<T, Failed>) -> ExitCode {
    let command = A::augment_args(Command::new(name).version(env!("CARGO_PKG_VERSION")));
    let arguments = A::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
    run(&arguments).map_or_else(|error| console::exit(Err(error)), Termination::report)
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
