//! `muscall status`: what is here.

use clap::Args;
use muscall::device::device_name;

use crate::Failed;
use crate::console::{DeviceArgument, count, say};
use crate::home::{DEFAULT, Home, Kept, Model};

/// Say what is here: the version, the device, the settings, the libraries.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    device: DeviceArgument,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failed> {
    let home = Home::find()?;
    say(format!("muscall {}", env!("CARGO_PKG_VERSION")));
    say(format!("computing on: {}", device_name(&arguments.device.open_quietly()?)));
    let settings = home.settings_file();
    let are_there = if settings.exists() { "" } else { " (none yet)" };
    say(format!("settings: {}{are_there}", settings.display()));
    home.settings()?;
    let libraries = home.libraries();
    if libraries.is_empty() {
        say("no library yet; first run: muscall index ~/Music");
    }
    for name in libraries {
        let is_default = if name == DEFAULT { " (searched unless another one is named)" } else { "" };
        say(format!("library {name}{is_default}"));
        match home.library(&name) {
            Ok(kept) => describe(&kept),
            Err(error) => say(format!("  {error}")),
        }
    }
    Ok(())
}

fn describe(kept: &Kept) {
    if let Some(model) = kept.model() {
        say(format!("  model: {}", named(model)));
    }
    if let Some(model) = kept.next_model() {
        say(format!("  being indexed with: {} (`muscall index` continues)", named(model)));
    }
    match kept.index() {
        Ok(Some(index)) => say(format!("  {}, {}", count(index.len(), "track"), count(index.segments_len(), "moment"))),
        Ok(None) => say("  nothing indexed yet"),
        Err(error) => say(format!("  {error}; `muscall index` makes it anew")),
    }
    kept.music().iter().for_each(|folder| say(format!("  music: {}", folder.display())));
}

fn named(model: &Model) -> String {
    match model {
        Model::Boxed => "the model in the box".to_owned(),
        Model::Bundle(bundle) => bundle.display().to_string(),
    }
}
