//! The sum of what ranks have found.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use muscall_model::weights::{ParameterPath, StateDict, running_statistics, with_running_statistics};

use super::Ranks;
use crate::TrainError;
use crate::gradient::GradientDict;
use crate::trainee::Trainee;

/// Adds the gradients of all ranks up, and gives all of them the mean of how the running statistics of their
/// batch norms have moved since they were `before`; a rank that had nothing to embed does not count in it.
///
/// burn's backward pass returns when all gradients are there: none is reduced while it goes on.
pub(crate) fn reduce(
    ranks: &Ranks,
    trainee: &mut Trainee,
    gradients: &mut GradientDict,
    before: &StateDict,
    has_embedded: bool,
) -> Result<(), TrainError> {
    let mut layout = Layout::default();
    trainee.model.visit(&mut layout);
    trainee.heads.visit(&mut layout);
    let after = running_statistics(&trainee.model);

    // Gradients, whether there are any, movements, whether there were any.
    let mut buffer = Vec::new();
    let mut present = Vec::with_capacity(layout.parameters.len());
    for (name, len) in &layout.parameters {
        let gradient = gradients.remove(name);
        present.push(if gradient.is_some() { 1.0 } else { 0.0 });
        match gradient {
            Some(gradient) => buffer.extend(gradient),
            None => buffer.resize(buffer.len() + len, 0.0),
        }
    }
    buffer.extend(present);
    for (name, after) in &after {
        let moved = values(after).iter().zip(values(&before[name])).map(|(after, before)| after - before);
        buffer.extend(moved);
    }
    buffer.push(if has_embedded { 1.0 } else { 0.0 });
    ranks.all_reduce(&mut buffer)?;

    let mut rest = buffer.as_slice();
    let mut take = |len: usize| {
        let (taken, left) = rest.split_at(len);
        rest = left;
        taken
    };
    let sums: Vec<&[f32]> = layout.parameters.iter().map(|(_, len)| take(*len)).collect();
    let present = take(layout.parameters.len());
    let moved: Vec<&[f32]> = after.values().map(|data| take(data.num_elements())).collect();
    let movers = take(1)[0].max(1.0);
    for (((name, _), sum), present) in layout.parameters.into_iter().zip(sums).zip(present) {
        if *present > 0.0 {
            gradients.add(name, sum.to_vec());
        }
    }
    let mean = before.iter().zip(moved).map(|((name, before), moved)| {
        let mean = values(before).iter().zip(moved).map(|(before, moved)| before + moved / movers).collect();
        (name.clone(), TensorData::new::<f32, _>(mean, before.shape().clone()))
    });
    trainee.model = with_running_statistics(trainee.model.clone(), mean.collect());
    Ok(())
}

fn values(data: &TensorData) -> &[f32] {
    data.as_slice::<f32>().expect("states are f32")
}

/// The parameters that are trained, and how many numbers each has: the same on all ranks.
#[derive(Default)]
struct Layout {
    path: ParameterPath,
    parameters: Vec<(String, usize)>,
}

impl ModuleVisitor for Layout {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.val().is_require_grad() {
            self.parameters.push((self.path.name(), param.shape().num_elements()));
        }
    }
}
