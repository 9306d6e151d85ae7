//! `muscall report` of a program that was built without it.

use std::path::PathBuf;

use clap::Args;

use crate::Failed;

/// Write a page that says how good a model is and what it gets wrong (not in this build: it needs the feature `report`).
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Anything.
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<PathBuf>,
}

pub(super) fn run(_: &Arguments) -> Result<(), Failed> {
    Err("this program was built without the feature `report`, which draws pictures; build it with --features report, or use \
         `muscall evaluate`, which has the figures"
        .into())
}
