//! A manifest with all that is wrong in it.

use std::path::Path;

use super::Manifest;
use super::columns::Columns;
use super::hint::Hint;
use super::row_numbers::RowNumbers;
use super::split::Split;
use super::splits::each_split;
use crate::DataError;

/// Every row of a manifest: those that can be used, by split, and what is wrong with the others.
#[derive(Debug)]
#[non_exhaustive]
pub struct Examined {
    /// Splits with a row.
    pub splits: Vec<ExaminedSplit>,
    /// An error for each row that cannot be used, in order.
    pub errors: Vec<DataError>,
    /// What is odd about all of it.
    pub hints: Vec<Hint>,
}

/// A split, and where its rows stand.
#[derive(Debug)]
#[non_exhaustive]
pub struct ExaminedSplit {
    /// Which.
    pub split: Split,
    /// Its rows that can be used.
    pub manifest: Manifest,
    /// Where its captions stand in the file.
    pub numbers: RowNumbers,
}

impl Manifest {
    /// Reads every split as [`read_splits`](Self::read_splits) does, and passes over rows that cannot be used.
    ///
    /// # Errors
    /// [`DataError`] for a file that cannot be read as a whole, or without a row that can be used.
    pub fn examine(path: &Path) -> Result<Examined, DataError> {
        Self::examine_with(path, &Columns::default())
    }

    /// The same where columns are called otherwise.
    ///
    /// # Errors
    /// As [`examine`](Self::examine).
    pub fn examine_with(path: &Path, columns: &Columns) -> Result<Examined, DataError> {
        Self::examine_splits(path, &Split::ALL, columns)
    }

    /// The same of some splits; what is wrong with others is not looked at where they have files of their own.
    ///
    /// # Errors
    /// As [`examine`](Self::examine).
    pub fn examine_splits(path: &Path, wanted: &[Split], columns: &Columns) -> Result<Examined, DataError> {
        let (mut errors, mut hints) = (Vec::new(), Vec::new());
        let splits = each_split(path, wanted, columns, &mut |mut collected, found| {
            hints.extend(found);
            errors.extend(collected.take_errors());
            Ok(collected)
        });
        let splits = match splits {
            // Without a row that can be used, what is wrong with the first one says more.
            Err(error @ DataError::EmptySplit { .. }) => return Err(errors.into_iter().next().unwrap_or(error)),
            splits => splits?,
        };
        let split = |(split, rows, numbers)| {
            let manifest = Self { rows, source: path.to_owned() };
            ExaminedSplit { split, manifest, numbers }
        };
        Ok(Examined { splits: splits.into_iter().map(split).collect(), errors, hints })
    }
}
