//! What a model has gained on new pairs, and whether it has lost what it knew.

use std::path::Path;

use muscall::retrieval::{Bootstrap, Interval, RetrievalReport};
use muscall::train::Hearing;
use muscall::{DataError, Device, Manifest, Muscall, Split};

use crate::{Failed, console};

/// Rows on which a model is measured before and after a run.
pub(super) struct Taught {
    sets: Vec<Set>,
}

struct Set {
    name: String,
    manifest: Manifest,
    before: RetrievalReport,
    /// Whether the model knew it before.
    is_kept: bool,
}

impl Taught {
    /// Measures the model that a run starts from: on what is validated on, and on what it is to keep.
    ///
    /// # Errors
    /// If the bundle or the rows cannot be read.
    pub(super) fn before(
        bundle: &Path,
        validation: Option<Manifest>,
        kept: Option<&Path>,
        device: &Device,
    ) -> Result<Self, Failed> {
        let model = Muscall::load(bundle, device)?;
        let mut taught = Self { sets: Vec::new() };
        if let Some(validation) = validation {
            taught.add("new pairs, held out", validation, &model, false)?;
        }
        if let Some(kept) = kept {
            let rows = match Manifest::read(kept, Split::Val) {
                Err(DataError::EmptySplit { .. }) => Manifest::read(kept, Split::Train)?,
                rows => rows?,
            };
            taught.add(&format!("{}, to be kept", kept.display()), rows, &model, true)?;
        }
        Ok(taught)
    }

    fn add(&mut self, name: &str, manifest: Manifest, model: &Muscall, is_kept: bool) -> Result<(), Failed> {
        let before = report(model, &manifest)?;
        eprintln!("{name}: R@10 {} before", words(&before));
        self.sets.push(Set { name: name.to_owned(), manifest, before, is_kept });
        Ok(())
    }

    /// Measures the trained model, and says what has become of it. If it has forgotten what it knew, that is a warning.
    ///
    /// # Errors
    /// If the rows cannot be read any more.
    pub(super) fn after(self, model: &Muscall) -> Result<(), Failed> {
        for Set { name, manifest, before, is_kept } in self.sets {
            let after = report(model, &manifest)?;
            println!("{name}: R@10 {} before, {} after", words(&before), words(&after));
            let least = before.text_to_audio.intervals.r_at_10.low;
            if is_kept && after.text_to_audio.metrics.r_at_10 < least {
                eprintln!(
                    "warning: R@10 of {name} has fallen by more than its interval; lower the learning rate, train for fewer \
                     epochs, or add such rows to the training"
                );
            }
        }
        Ok(())
    }
}

fn report(model: &Muscall, manifest: &Manifest) -> Result<RetrievalReport, Failed> {
    let found = console::evaluate(model, manifest, Hearing::Centre)?;
    Ok(RetrievalReport::new(&found.ranks, &Bootstrap::default()))
}

fn words(report: &RetrievalReport) -> String {
    let found = &report.text_to_audio;
    let Interval { low, high } = found.intervals.r_at_10;
    format!("{:.3} [{low:.3}, {high:.3}]", found.metrics.r_at_10)
}
