//! The comparison of the device with the CPU before the first step.

use super::CheckDevice;
use super::outcome::Listener;
use super::run::Run;
use crate::TrainError;
use crate::batcher::{EpochLoader, LoaderConfig};
use crate::device_check::DeviceCheck;
use crate::event::Event;

/// Tracks per batch: the CPU has to compute them, too.
const TRACKS: usize = 4;
const BATCHES: usize = 2;
const STEPS: usize = 2;

impl Run {
    /// # Errors
    /// [`TrainError::DeviceDiffers`] if the device does not compute what the CPU does.
    pub(super) fn check_device(&self, when: CheckDevice, listener: &mut Listener<'_>) -> Result<(), TrainError> {
        let wanted = match when {
            CheckDevice::Never => false,
            CheckDevice::Gpu => !muscall_model::is_cpu(&self.device),
            CheckDevice::Always => true,
        };
        if !wanted {
            return Ok(());
        }
        let Some(reference) = muscall_model::cpu() else {
            let _ = listener(Event::Warning(&TrainError::NothingToCompareWith));
            return Ok(());
        };
        let config = LoaderConfig {
            batch_size: TRACKS.min(self.dataset.len()),
            threads: self.recipe.data.threads,
            prefetch_batches: 1,
            drop_last: true,
            on_bad_file: self.recipe.data.on_bad_file,
        };
        let loader = EpochLoader::new(self.dataset.clone(), self.frontend.clone(), config, self.progress.epoch, 0)?;
        let mut batches = Vec::new();
        for batch in loader {
            let items = batch?.items;
            if items.len() >= 2 {
                batches.push(items);
            }
            if batches.len() == BATCHES {
                break;
            }
        }
        if batches.is_empty() {
            // The run itself will say which files cannot be read.
            return Ok(());
        }
        let check = DeviceCheck::new(&self.recipe, &self.captions, &self.device, &reference).with_steps(STEPS);
        let report = check.run(&batches)?;
        let _ = listener(Event::DeviceChecked(&report));
        match report.first_beyond() {
            None => Ok(()),
            Some(first) => {
                let count = report.differences.iter().filter(|difference| !difference.is_allowed()).count();
                Err(TrainError::DeviceDiffers { device: report.device.clone(), first: first.to_string(), count })
            }
        }
    }
}
