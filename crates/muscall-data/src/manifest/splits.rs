//! All splits of a manifest in one reading.

use std::path::Path;

use super::collect::Collected;
use super::columns::Columns;
use super::hint::Hint;
use super::raw::RawManifest;
use super::row::Row;
use super::row_numbers::RowNumbers;
use super::split::Split;
use crate::DataError;

/// A split, its rows, and where these stand.
pub(super) type SplitRows = (Split, Vec<Row>, RowNumbers);

/// Each of these splits of a manifest that there is; all of one without splits. `checked` sees what is read, and what is odd about it.
///
/// # Errors
/// The first of `checked`, but for splits that are not there: of these, if there is none at all.
pub(super) fn each_split(
    path: &Path,
    wanted: &[Split],
    columns: &Columns,
    checked: &mut dyn FnMut(Collected, Vec<Hint>) -> Result<Collected, DataError>,
) -> Result<Vec<SplitRows>, DataError> {
    let (mut splits, mut absent) = (Vec::new(), None);
    for &split in wanted {
        let read = RawManifest::read(path, split, columns).and_then(|RawManifest { collected, is_of_split, hints }| {
            let collected = checked(collected, hints)?;
            let wanted: &[Split] = if is_of_split { &[split] } else { wanted };
            Ok((collected.into_splits(wanted)?, is_of_split))
        });
        match read {
            // The file has them all.
            Ok((found, false)) => return Ok(found),
            Ok((found, true)) => splits.extend(found),
            Err(error @ (DataError::EmptySplit { .. } | DataError::UnknownManifest { .. })) => {
                absent.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    match absent {
        Some(error) if splits.is_empty() => Err(error),
        _ => Ok(splits),
    }
}
