//! Gradients of a batch that lies on several ranks.

use std::sync::Arc;

use super::{Ranks, SharedBatch, SharedNorms};
use crate::TrainError;
use crate::gradient::GradientDict;
use crate::step::{Part, StepContext, StepGradients};
use crate::trainee::Trainee;

impl StepContext<'_> {
    /// The loss of the whole batch, and the rank's share of its gradients: what the ranks have, added up,
    /// is the gradient.
    pub(crate) fn gradients_among(
        &self,
        trainee: &mut Trainee,
        own: &[Option<Part<'_>>],
        batch: &SharedBatch<'_>,
        ranks: &Ranks,
        norms: Option<&Arc<SharedNorms>>,
    ) -> Result<StepGradients, TrainError> {
        let (embedded, graph) = self.embed_parts(trainee, own, norms);
        norms.map_or(Ok(()), |norms| norms.check())?;
        let whole = batch.gather(embedded, ranks)?;
        let (loss, parameters, by_embeddings) = self.loss_gradients(trainee, &whole, &batch.text());
        // Every rank has taken the loss: its own parameters, such as the temperature, count once.
        let mut gradients = if ranks.is_first() { parameters } else { GradientDict::default() };
        if let Some(by_embeddings) = &by_embeddings {
            let start = batch.before(ranks.rank());
            gradients.add_all(self.back_through_parts(trainee, own, graph, by_embeddings, start, norms));
            norms.map_or(Ok(()), |norms| norms.check())?;
        }
        self.unscale(&mut gradients);
        Ok(StepGradients { gradients, loss, audio: whole.audio, text: whole.text })
    }
}
