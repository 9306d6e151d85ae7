//! Evaluation of a model on a manifest.

use std::path::Path;

use muscall::model::ScoreScale;
use muscall::train::{Evaluation, Hearing};
use muscall::{DataError, Manifest, Muscall, Split, TrainError};

use super::{ColumnsArgument, Progress, SplitName};

/// Rows to evaluate a model on. Says so if they are the training rows too, as in a manifest without splits.
///
/// # Errors
/// If the manifest cannot be read or has no such rows.
pub fn read_split(data: &Path, split: SplitName, columns: &ColumnsArgument) -> Result<Manifest, DataError> {
    let columns = columns.columns();
    let manifest = Manifest::read_with(data, split.into(), &columns)?;
    let train = || Manifest::read_with(data, Split::Train, &columns);
    if split != SplitName::Train && train().is_ok_and(|train| train.rows == manifest.rows) {
        eprintln!(
            "note: {}: all rows are evaluated, since it has no splits; a model that was trained on them looks better than it is",
            data.display()
        );
    }
    Ok(manifest)
}

/// [`muscall::evaluate`] with a bar.
///
/// # Errors
/// As there.
pub fn evaluate(model: &Muscall, manifest: &Manifest, hearing: Hearing) -> Result<Evaluation, TrainError> {
    let progress = Progress::files(manifest.rows.len(), "read");
    let result = Evaluation::with_listener(model, manifest, hearing, |_| progress.file());
    progress.finish();
    result
}

/// What was found out about a scale of scores.
pub fn scale_words(scale: &ScoreScale) -> String {
    let quality = scale.quality;
    let percent = |part: f64| (100.0 * part).round();
    format!(
        "of {} queries to which nothing fits, {} % are told so; of {} about what is there, {} %",
        quality.absent,
        percent(quality.absent_refused),
        quality.present,
        percent(quality.present_refused)
    )
}
