//! Which library is meant, and the model that goes with it.

use muscall::library::Library;
use muscall::{Device, Muscall};

use crate::Failed;
use crate::console::{self, DeviceArgument, IndexConsole, count};
use crate::home::{DEFAULT, Held, Home, IndexState, Kept, Model, Updated};

/// Which library, flattened into a command's arguments.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct LibraryArgument {
    /// Which library, if you keep several.
    #[arg(long, value_name = "NAME", default_value = DEFAULT)]
    library: String,
    #[command(flatten)]
    device: DeviceArgument,
}

impl LibraryArgument {
    /// The library, for changing it.
    pub(super) fn hold(&self) -> Result<Held, Failed> {
        let held = Home::find()?.hold(&self.library)?;
        held.ok_or_else(|| "another process is indexing this library; wait for it, or stop it".into())
    }

    /// The same, or nothing while another process changes it.
    pub(super) fn hold_if_free(&self) -> Result<Option<Held>, Failed> {
        Home::find()?.hold(&self.library)
    }

    /// Where this command computes.
    pub(super) fn device(&self) -> Result<Device, Failed> {
        Ok(self.device.open_quietly()?)
    }

    /// Loads a bundle, or the model in the box.
    pub(super) fn load(&self, model: &Model) -> Result<Muscall, Failed> {
        let bundle = match model {
            Model::Boxed => None,
            Model::Bundle(bundle) => Some(bundle.as_path()),
        };
        console::load(bundle, &self.device()?)
    }

    /// The command that indexes this library.
    fn index_command(&self) -> String {
        match self.library.as_str() {
            DEFAULT => "muscall index".to_owned(),
            name if name.contains(' ') => format!("muscall index --library \"{name}\""),
            name => format!("muscall index --library {name}"),
        }
    }

    /// The library as it is now: what is new in its folders is analysed first, unless that isn't wanted.
    pub(super) fn open(&self, update: bool) -> Result<Library, Failed> {
        let home = Home::find()?;
        let kept = home.library(&self.library)?;
        let Some(name) = kept.model().cloned() else {
            return Err(format!("nothing has been indexed yet; first run: {} ~/Music", self.index_command()).into());
        };
        let model = self.load(&name)?;
        if kept.index_state(&model.fingerprint()?) == IndexState::OfAnother {
            let (tracks, _) = kept.to_analyse()?;
            let command = self.index_command();
            return Err(format!(
                "the {tracks} tracks of this library were indexed with a different model, or an earlier version of it; run \
                 `{command}` to index them again"
            )
            .into());
        }
        if update {
            match home.hold(&self.library)? {
                Some(held) => renew(held, &model, &name)?,
                None => eprintln!("another process is indexing this library; searching what it has so far"),
            }
        }
        home.library(&self.library)?.library(model)
    }
}

/// Analyses what is new. What can't be read now keeps its place.
fn renew(mut held: Held, model: &Muscall, name: &Model) -> Result<(), Failed> {
    let mut console = IndexConsole::new()?.with_bar_alone();
    let Updated { newly_unreadable, news, stopped, .. } = held.update((model, name), &mut console)?;
    if stopped {
        return Err("stopped; what was analysed is kept".into());
    }
    tell_unreadable(&held.kept, newly_unreadable, &news);
    Ok(())
}

/// Lines about files that were left out, if there are any: what they are, as far as that is `news`, and how many.
pub(super) fn tell_unreadable(kept: &Kept, files: usize, news: &[(String, usize)]) {
    const REASONS: usize = 18;
    for (reason, files) in news.iter().take(REASONS) {
        eprintln!("{}: {reason}", count(*files, "file"));
    }
    if news.len() > REASONS {
        eprintln!("and {}", count(news.len() - REASONS, "other reason"));
    }
    if files > 0 {
        eprintln!("{} could not be read; the reasons are in {}", count(files, "file"), kept.left_out().display());
    }
}
