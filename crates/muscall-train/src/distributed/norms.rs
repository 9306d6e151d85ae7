//! Batch norms that see the clips of all ranks.

use std::sync::{Arc, Mutex, PoisonError};

use muscall_model::{NormGroup, with_norm_group};

use super::Ranks;
use crate::TrainError;

/// The ranks as one group of batch norms. They go through the network in rounds, each with a part of its own; who has
/// none in a round only keeps the others company.
#[derive(Debug)]
pub(crate) struct SharedNorms {
    ranks: Arc<Ranks>,
    failure: Mutex<Option<TrainError>>,
}

impl SharedNorms {
    pub(crate) fn new(ranks: Arc<Ranks>) -> Self {
        Self { ranks, failure: Mutex::new(None) }
    }

    /// A pass through the network, forward or backward, and the end of its round.
    pub(crate) fn pass<T>(self: &Arc<Self>, pass: impl FnOnce() -> T) -> T {
        let result = with_norm_group(self.clone(), pass);
        self.attend();
        result
    }

    /// The round of a rank that has no part in it: until all are done.
    pub(crate) fn attend(&self) {
        while self.exchange(&[]).is_some_and(|all| all.iter().any(|values| !values.is_empty())) {}
    }

    /// What went wrong in passes, which have no way to say so.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    /// Nothing after a failure: the others have ended, too.
    fn exchange(&self, own: &[f32]) -> Option<Vec<Vec<f32>>> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_some() {
            return None;
        }
        let is_other = |values: &Vec<f32>| !values.is_empty() && !own.is_empty() && values.len() != own.len();
        let all = self.ranks.all_gather(own).and_then(|all| match all.iter().position(is_other) {
            None => Ok(all),
            Some(rank) => Err(TrainError::RanksDiffer { rank, what: "order of batch norms" }),
        });
        all.map_err(|error| *failure = Some(error)).ok()
    }
}

impl NormGroup for SharedNorms {
    fn sum(&self, values: &mut [f32]) {
        let Some(all) = self.exchange(values) else { return };
        values.fill(0.0);
        for own in all {
            // Who has no part gives nothing.
            values.iter_mut().zip(own).for_each(|(sum, x)| *sum += x);
        }
    }
}
