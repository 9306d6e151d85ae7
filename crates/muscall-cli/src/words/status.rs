//! `muscall status`: what is here.

use clap::Args;
use muscall::DeviceChoice;
use muscall::device::device_name;

use super::choice::LibraryArgument;
use crate::Failed;
use crate::home::Home;

/// Says what is here: the version, the device, the settings, the libraries.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    library: LibraryArgument,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failed> {
    let home = Home::find()?;
    println!("muscall {}", env!("CARGO_PKG_VERSION"));
    println!("computing on: {}", device_name(&DeviceChoice::from_env()?.open()?));
    let settings = home.settings_file();
    let are_there = if settings.exists() { "" } else { " (not there)" };
    println!("settings: {}{are_there}", settings.display());
    home.settings()?;
    if home.libraries().is_empty() {
        println!("no library yet; once, do: muscall index ~/Music");
    }
    for name in home.libraries() {
        let kept = home.library(&name)?;
        let model = kept.model().map_or("the model in the box".to_owned(), |bundle| bundle.display().to_string());
        let chosen = if name == arguments.library.name() { ", searched unless another is named" } else { "" };
        println!("library {name}{chosen}");
        println!("  model: {model}");
        match kept.index()? {
            Some(index) => println!("  {} tracks, {} moments", index.len(), index.segments_len()),
            None => println!("  not indexed to the end yet: muscall index goes on"),
        }
        kept.music().iter().for_each(|folder| println!("  music: {}", folder.display()));
    }
    Ok(())
}
