//! `muscall serve`: the page.

use clap::Args;

use super::choice::LibraryArgument;
use crate::Failed;
use crate::serve::{Address, serve};

/// Search your library from a browser on this computer.
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
    serve(arguments.library.open(!arguments.as_is)?, &arguments.address)
}
