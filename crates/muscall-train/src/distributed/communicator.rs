//! What ranks need of one another.

use std::fmt::Debug;

use crate::TrainError;

/// A group of ranks that exchange numbers. All methods but [`rank`](Self::rank),
/// [`size`](Self::size) and [`abandon`](Self::abandon) are collective: every rank calls them, in
/// the same order.
///
/// # Errors
/// A collective method fails with [`TrainError::RankLost`] on the ranks that are left when one is gone; or
/// the implementation ends the process, as MPI does.
#[allow(clippy::missing_errors_doc, reason = "the same for all, above")]
pub trait Communicator: Debug + Send + Sync {
    /// Which one this is, from 0.
    fn rank(&self) -> usize;

    /// How many there are.
    fn size(&self) -> usize;

    /// The numbers of all ranks, by rank; each may give another number of them.
    fn all_gather(&self, own: &[f32]) -> Result<Vec<Vec<f32>>, TrainError>;

    /// The same for what is not numbers.
    fn all_gather_bytes(&self, own: &[u8]) -> Result<Vec<Vec<u8>>, TrainError>;

    /// Replaces the numbers by their sums over the ranks, added up in the order of the ranks, so that all
    /// get the same bits each time. All ranks give equally many.
    fn all_reduce(&self, values: &mut [f32]) -> Result<(), TrainError>;

    /// Replaces the numbers by those of rank 0. All ranks give equally many.
    fn broadcast(&self, values: &mut [f32]) -> Result<(), TrainError>;

    /// Waits for all ranks.
    fn barrier(&self) -> Result<(), TrainError>;

    /// This rank gives up for a reason that the others do not know: they must not wait for it.
    fn abandon(&self, error: &TrainError);
}

/// Adds numbers up in the order given.
pub(super) fn sum_into<'a>(sum: &mut [f32], mut terms: impl Iterator<Item = &'a [f32]>) {
    if let Some(first) = terms.next() {
        sum.copy_from_slice(first);
    }
    for term in terms {
        sum.iter_mut().zip(term).for_each(|(sum, x)| *sum += x);
    }
}
