//! The model, for every program that takes one.

use std::path::{Path, PathBuf};

use muscall::{Device, Muscall};

use crate::Failed;

/// `--bundle`, flattened into a program's arguments.
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

    /// The model.
    ///
    /// # Errors
    /// As [`load`].
    pub fn load(&self, device: &Device) -> Result<Muscall, Failed> {
        load(self.path(), device)
    }
}

/// A bundle, or without one the model in the box.
///
/// # Errors
/// If the bundle cannot be read; if the program was built without the model in the box.
pub fn load(bundle: Option<&Path>, device: &Device) -> Result<Muscall, Failed> {
    match bundle {
        Some(bundle) => Ok(Muscall::load(bundle, device)?),
        None => boxed(device),
    }
}

#[cfg(feature = "box")]
fn boxed(device: &Device) -> Result<Muscall, Failed> {
    Ok(Muscall::boxed(device)?)
}

#[cfg(not(feature = "box"))]
fn boxed(_: &Device) -> Result<Muscall, Failed> {
    Err("this program was built without the feature `box`, which is the model in the box: name a bundle".into())
}
