//! A batch of several parts, whose gradients are those of the whole at the memory of one.
//!
//! # Source
//! Gao et al. 2021, "Scaling deep contrastive learning batch size under memory limited setup".

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use muscall_model::weights::{running_statistics, with_running_statistics};

use super::StepContext;
use super::losses::LossValues;
use super::outputs::HostOutputs;
use super::part::{BatchText, Part};
use crate::distributed::SharedNorms;
use crate::gradient::GradientDict;
use crate::trainee::{Outputs, Trainee};

impl StepContext<'_> {
    /// The embeddings of parts. Of one part alone the graph is kept as well, so that it goes through the network
    /// once; of several it would be as large as that of the whole batch.
    pub(crate) fn embed_parts(
        &self,
        trainee: &mut Trainee,
        parts: &[Option<Part<'_>>],
        norms: Option<&Arc<SharedNorms>>,
    ) -> (HostOutputs, Option<Outputs>) {
        if let [part] = parts {
            let outputs = self.round(trainee, *part, norms);
            return (HostOutputs::read(self.recipe, outputs.as_slice()), outputs);
        }
        // The second pass moves the running statistics; the first must not move them too.
        let running = running_statistics(&trainee.model);
        // burn keeps a graph until its backward pass: the first pass must not make one.
        let without_graph = trainee.clone().no_grad();
        let outputs: Vec<_> = parts.iter().filter_map(|part| self.round(&without_graph, *part, norms)).collect();
        drop(without_graph);
        trainee.model = with_running_statistics(trainee.model.clone(), running);
        (HostOutputs::read(self.recipe, &outputs), None)
    }

    /// The loss over all embeddings of a batch, and its gradients by parameters of its own and by the embeddings; none
    /// of them if the loss is not finite.
    pub(crate) fn loss_gradients(
        &self,
        trainee: &Trainee,
        whole: &HostOutputs,
        text: &BatchText<'_>,
    ) -> (LossValues, GradientDict, Option<EmbeddingGradients>) {
        let leaves = whole.leaves(self.device);
        let (total, losses) = self.loss(trainee, leaves.clone(), text);
        let mut parameters = GradientDict::default();
        let loss = LossValues::read(losses);
        if !loss.total.is_finite() {
            return (loss, parameters, None);
        }
        let mut all = self.scaled(total).backward();
        // Temperature and offset are in the loss itself.
        parameters.collect(&trainee.model, &mut all);
        parameters.collect(&trainee.heads, &mut all);
        let gradient = |leaf: &Tensor<2>| leaf.grad(&all).map(|gradient| gradient.into_data());
        let by_embeddings = EmbeddingGradients {
            audio: gradient(&leaves.audio),
            text: gradient(&leaves.text),
            views: leaves.views.as_ref().map(|views| [gradient(&views[0]), gradient(&views[1])]),
        };
        (loss, parameters, Some(by_embeddings))
    }

    /// What the network's parameters get from the gradients by embeddings. The first of the parts' tracks
    /// and the first of their captions are at `start` in the batch.
    pub(crate) fn back_through_parts(
        &self,
        trainee: &Trainee,
        parts: &[Option<Part<'_>>],
        mut graph: Option<Outputs>,
        by_embeddings: &EmbeddingGradients,
        [mut track, mut caption]: [usize; 2],
        norms: Option<&Arc<SharedNorms>>,
    ) -> GradientDict {
        let mut gradients = GradientDict::default();
        for part in parts {
            // One part has kept its graph.
            let outputs = if parts.len() == 1 { graph.take() } else { self.round(trainee, *part, norms) };
            let Some(outputs) = outputs else {
                norms.into_iter().for_each(|norms| norms.attend());
                continue;
            };
            let share = |output: &Tensor<2>, gradient: &Option<TensorData>, start: usize| {
                let gradient = gradient.clone()?;
                let gradient = Tensor::<2>::from_data(gradient, self.device);
                let rows = output.dims()[0];
                Some((output.clone() * gradient.narrow(0, start, rows)).sum())
            };
            let mut terms = vec![
                share(&outputs.audio, &by_embeddings.audio, track),
                share(&outputs.text, &by_embeddings.text, caption),
            ];
            if let Some((views, gradients)) = outputs.views.as_ref().zip(by_embeddings.views.as_ref()) {
                terms.extend([share(&views[0], &gradients[0], track), share(&views[1], &gradients[1], track)]);
            }
            track += outputs.audio.dims()[0];
            caption += outputs.text.dims()[0];
            let Some(surrogate) = terms.into_iter().flatten().reduce(|a, b| a + b) else {
                continue;
            };
            let mut all = match norms {
                None => surrogate.backward(),
                Some(norms) => norms.pass(|| surrogate.backward()),
            };
            gradients.collect(&trainee.model, &mut all);
            gradients.collect(&trainee.heads, &mut all);
        }
        gradients
    }

    /// A part through the network, or nothing while those of other ranks go through theirs.
    fn round(&self, trainee: &Trainee, part: Option<Part<'_>>, norms: Option<&Arc<SharedNorms>>) -> Option<Outputs> {
        match (part, norms) {
            (Some(part), _) => Some(self.forward(trainee, part, norms)),
            (None, Some(norms)) => {
                norms.attend();
                None
            }
            (None, None) => None,
        }
    }
}

/// Gradients of the loss by the embeddings of a batch, a row each.
pub(crate) struct EmbeddingGradients {
    audio: Option<TensorData>,
    text: Option<TensorData>,
    views: Option<[Option<TensorData>; 2]>,
}
