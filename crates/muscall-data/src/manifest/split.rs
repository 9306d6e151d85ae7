//! The sides of a data set.

use crate::DataError;

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// To learn from.
    Train,
    /// To choose the best model by.
    Val,
    /// To report on.
    Test,
}

impl Split {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let splits = [Self::Train, Self::Val, Self::Test];
        splits.into_iter().find(|split| split.names().contains(&name.to_ascii_lowercase().as_str()))
    }

    /// What data sets call it.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Train => &["train", "training"],
            Self::Val => &["val", "valid", "validation", "dev"],
            Self::Test => &["test"],
        }
    }

    /// As manifests name it: `train`, `val` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

/// What `read` gives of each split, up to one that says that there are no others.
///
/// # Errors
/// The first of `read`, but for splits that are not there: of these, if there is none at all.
pub(super) fn each_split<T>(
    mut read: impl FnMut(Split) -> Result<(T, bool), DataError>,
) -> Result<Vec<(Split, T)>, DataError> {
    let (mut splits, mut absent) = (Vec::new(), None);
    for split in [Split::Train, Split::Val, Split::Test] {
        match read(split) {
            Ok((found, has_splits)) => {
                splits.push((split, found));
                if !has_splits {
                    break;
                }
            }
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
