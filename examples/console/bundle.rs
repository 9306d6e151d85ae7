//! The model, for every example that takes one.

use std::error::Error;
use std::path::{Path, PathBuf};

use muscall::{Device, Muscall};

/// `--bundle`, flattened into an example's arguments.
#[derive(Debug, Clone, clap::Args)]
pub struct BundleArgument {
    /// A trained model. Without it, the model in the box.
    #[arg(long)]
    bundle: Option<PathBuf>,
}

impl BundleArgument {
    /// Its directory, unless it is the model in the box.
    pub fn path(&self) -> Option<&Path> {
        self.bundle.as_deref()
    }

    pub fn load(&self, device: &Device) -> Result<Muscall, Box<dyn Error>> {
        match &self.bundle {
            Some(bundle) => Ok(Muscall::load(bundle, device)?),
            None => boxed(device),
        }
    }
}

#[cfg(feature = "box")]
fn boxed(device: &Device) -> Result<Muscall, Box<dyn Error>> {
    Ok(Muscall::boxed(device)?)
}

#[cfg(not(feature = "box"))]
fn boxed(_: &Device) -> Result<Muscall, Box<dyn Error>> {
    Err("this program was built without the feature `box`, which is the model in the box: give --bundle".into())
}
