//! Which library is meant, and the model that hears it.

use std::error::Error;
use std::path::{Path, PathBuf};

use muscall::Muscall;
use muscall::retrieval::RetrievalError;

use crate::Failed;
use crate::console::{self, DeviceArgument, IndexConsole};
use crate::home::{DEFAULT, Home, Kept, Updated};

/// Which library, flattened into a word's arguments.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct LibraryArgument {
    /// Which library, if you keep several.
    #[arg(long, value_name = "NAME", default_value = DEFAULT)]
    library: String,
    #[command(flatten)]
    device: DeviceArgument,
}

/// A library with the model that heard it, brought up to date.
pub(super) struct Chosen {
    pub(super) kept: Kept,
    pub(super) model: Muscall,
}

impl LibraryArgument {
    pub(super) fn name(&self) -> &str {
        &self.library
    }

    pub(super) fn kept(&self) -> Result<Kept, Failed> {
        Home::find()?.library(&self.library)
    }

    /// Loads a bundle, or the model in the box.
    pub(super) fn load(&self, bundle: Option<&Path>) -> Result<Muscall, Failed> {
        console::load(bundle, &self.device.open_quietly()?)
    }

    /// The library as it is now: what is new in its folders is heard first, unless that isn't wanted.
    pub(super) fn up_to_date(&self, update: bool) -> Result<Chosen, Failed> {
        let mut kept = self.kept()?;
        if kept.music().is_empty() {
            let named = if self.library == DEFAULT { String::new() } else { format!(" --library {}", self.library) };
            return Err(format!("there is no music here yet; once, do: muscall index{named} ~/Music").into());
        }
        let bundle: Option<PathBuf> = kept.model().map(Path::to_owned);
        let model = self.load(bundle.as_deref())?;
        if kept.index_file().is_some() && !kept.is_heard_by(&model.fingerprint()?) {
            let (tracks, _) = kept.to_hear_anew()?;
            return Err(format!(
                "the model is another one than that which heard these {tracks} tracks; once, do: muscall index"
            )
            .into());
        }
        if update {
            let mut console = IndexConsole::new()?.quiet_without_news();
            match kept.update((&model, bundle.as_deref()), &mut console) {
                Ok(Updated { stopped: true, .. }) => return Err("stopped; what was heard is kept".into()),
                Ok(Updated { unreadable, .. }) if unreadable.is_empty() => {}
                Ok(Updated { unreadable, .. }) => {
                    eprintln!("{} files can't be read; why is in {}", unreadable.len(), kept.left_out().display());
                }
                Err(error) if is_locked(error.as_ref()) => {
                    eprintln!("another program is hearing this library; what it has heard so far is searched");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Chosen { kept, model })
    }
}

fn is_locked(error: &(dyn Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(RetrievalError::Locked { .. }))
}
