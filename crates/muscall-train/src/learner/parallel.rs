//! Who takes part in a step, and how gradients of a batch come about among them.

use std::sync::Arc;

use muscall_model::weights::{RunningStatistics, running_statistics};

use crate::TrainError;
use crate::batcher::RawBatch;
use crate::distributed::{Division, Ranks, SharedBatch, SharedNorms, reduce};
use crate::gradient::GradientDict;
use crate::recipe::Recipe;
use crate::step::{LossAndEmbeddings, StepContext, StepGradients};
use crate::trainee::Trainee;

/// The ranks of a run, each with its share of every batch. One alone has all of it.
pub(super) struct DataParallel {
    pub(super) ranks: Arc<Ranks>,
    division: Division,
    /// If batch norms take the statistics of all ranks.
    norms: Option<Arc<SharedNorms>>,
}

impl DataParallel {
    pub(super) fn new(recipe: &Recipe, ranks: Arc<Ranks>) -> Self {
        Self {
            division: Division::new(recipe.batch_size, recipe.micro_batch, ranks.rank(), ranks.size()),
            norms: (recipe.sync_batch_norm && ranks.size() > 1).then(|| Arc::new(SharedNorms::new(ranks.clone()))),
            ranks,
        }
    }

    /// The places that this rank loads of so many batches in a row.
    pub(super) fn own_places(&self, batches: usize) -> Vec<usize> {
        self.division.own_places(batches)
    }

    /// The mean of the gradients of as many batches as are accumulated, the same on all ranks. `context` is that of a
    /// batch by its number.
    pub(super) fn gradients<'a>(
        &self,
        trainee: &mut Trainee,
        loaded: &RawBatch,
        batches: &[SharedBatch<'_>],
        context: &dyn Fn(usize) -> StepContext<'a>,
    ) -> Result<(GradientDict, LossAndEmbeddings), TrainError> {
        let is_alone = self.ranks.size() == 1;
        if let ([batch], true) = (batches, is_alone) {
            let parts = self.division.parts_of(loaded, batch.number);
            return Ok(context(batch.number).gradients_of_parts(trainee, &parts));
        }
        let before = if is_alone { RunningStatistics::new() } else { running_statistics(&trainee.model) };
        let mut has_embedded = false;
        let mut sum: Option<StepGradients> = None;
        for batch in batches {
            let (context, parts) = (context(batch.number), self.division.parts_of(loaded, batch.number));
            has_embedded |= !parts.is_empty();
            let computed = if is_alone {
                context.gradients_of_parts(trainee, &parts).into()
            } else {
                let parts = match &self.norms {
                    None => parts.into_iter().map(Some).collect(),
                    Some(_) => self.division.rounds_of(loaded, batch.number),
                };
                context.gradients_among(trainee, &parts, batch, &self.ranks, self.norms.as_ref())?
            };
            match &mut sum {
                None => sum = Some(computed),
                Some(sum) => sum.add(computed),
            }
        }
        let mut mean = sum.unwrap_or_default();
        if !is_alone {
            reduce(&self.ranks, trainee, &mut mean.gradients, &before, has_embedded)?;
        }
        mean.divide(batches.len() as f64);
        let StepGradients { gradients, loss, audio, text } = mean;
        Ok((gradients, LossAndEmbeddings::Read { loss, audio, text }))
    }
}
