//! `muscall serve`: the page.

use clap::Args;

use super::choice::{Chosen, LibraryArgument};
use crate::Failed;
use crate::serve::{Address, serve};

/// Searches your library from a browser on this computer.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    address: Address,
    /// Don't look for new files first.
    #[arg(long)]
    as_is: bool,
    #[command(flatten)]
    library: LibraryArgument,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failed> {
    let Chosen { kept, model } = arguments.library.up_to_date(!arguments.as_is)?;
    serve(kept.library(model)?, &arguments.address)
}
