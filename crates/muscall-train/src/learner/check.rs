//! The comparison of the device with the CPU before the first step.

use burn::tensor::Device;

use super::data::TrainingData;
use super::options::{CheckDevice, Options};
use super::reporter::Reporter;
use crate::TrainError;
use crate::batcher::{LoadedItem, LoaderConfig};
use crate::device_check::DeviceCheck;
use crate::event::Event;

/// Tracks per batch: the CPU has to compute them, too.
const TRACKS: usize = 4;
const BATCHES: usize = 2;
const STEPS: usize = 2;

/// Compares them on the first batches of an epoch, if the learner is to.
///
/// # Errors
/// [`TrainError::DeviceDiffers`] if the device does not compute what the CPU does.
pub(super) fn check_device(
    options: &Options,
    device: &Device,
    data: &TrainingData<'_>,
    epoch: u64,
    reporter: &mut Reporter<'_>,
) -> Result<(), TrainError> {
    let wanted = match options.check_device {
        CheckDevice::Never => false,
        CheckDevice::Gpu => !muscall_model::is_cpu(device),
        CheckDevice::Always => true,
    };
    // Where something is known, a device is not asked for all of the network.
    if !wanted || !data.captions.known().is_empty() {
        return Ok(());
    }
    let Some(reference) = muscall_model::cpu() else {
        reporter.tell(Event::Warning(&TrainError::NothingToCompareWith));
        return Ok(());
    };
    let batches = first_batches(options, data, epoch)?;
    if batches.is_empty() {
        // The run itself will say which files cannot be read.
        return Ok(());
    }
    let check = DeviceCheck::new(&options.recipe, &data.captions, device, &reference).with_steps(STEPS);
    let report = check.run(&batches)?;
    reporter.tell(Event::DeviceChecked(&report));
    match report.first_beyond() {
        None => Ok(()),
        Some(first) => {
            let count = report.differences.iter().filter(|difference| !difference.is_allowed()).count();
            Err(TrainError::DeviceDiffers { device: report.device.clone(), first: first.to_string(), count })
        }
    }
}

/// Small batches with at least two tracks.
fn first_batches(options: &Options, data: &TrainingData<'_>, epoch: u64) -> Result<Vec<Vec<LoadedItem>>, TrainError> {
    let config = LoaderConfig {
        batch_size: TRACKS.min(data.dataset.len()),
        threads: options.recipe.data.threads,
        prefetch_batches: 1,
        drop_last: true,
        on_bad_file: options.recipe.data.on_bad_file,
    };
    let mut batches = Vec::new();
    for batch in data.loader(config, epoch, 0)? {
        let items = batch?.items;
        if items.len() >= 2 {
            batches.push(items);
        }
        if batches.len() == BATCHES {
            break;
        }
    }
    Ok(batches)
}
