//! The sum of what ranks have found.

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};
use muscall_model::weights::{
    ParameterVisitor, RunningStatistics, running_statistics, visit_parameters, with_running_statistics,
};

use super::Ranks;
use crate::TrainError;
use crate::gradient::GradientDict;
use crate::trainee::Trainee;
use crate::values::Values;

/// Adds the gradients of all ranks up, and gives all of them the mean of how the running statistics of their
/// batch norms have moved since they were `before`; a rank that had nothing to embed does not count in it.
///
/// burn's backward pass returns when all gradients are there: none is reduced while it goes on.
pub(crate) fn reduce(
    ranks: &Ranks,
    trainee: &mut Trainee,
    gradients: &mut GradientDict,
    before: &RunningStatistics,
    has_embedded: bool,
) -> Result<(), TrainError> {
    let mut layout = Layout::default();
    visit_parameters(&trainee.model, &mut layout);
    visit_parameters(&trainee.heads, &mut layout);
    let device = trainee.model.logit_scale.device().without_autodiff();
    let is_cpu = muscall_model::is_cpu(&device);
    let after = running_statistics(&trainee.model);

    // Gradients, whether there are any, movements, whether there were any.
    let mut buffer = Vec::new();
    let mut present = Vec::with_capacity(layout.parameters.len());
    for (name, len) in &layout.parameters {
        let gradient = gradients.remove(name);
        present.push(if gradient.is_some() { 1.0 } else { 0.0 });
        match gradient {
            Some(gradient) => buffer.extend(gradient.into_host()),
            None => buffer.resize(buffer.len() + len, 0.0),
        }
    }
    buffer.extend(present);
    for (name, after) in &after {
        buffer.extend(Values::of(after.clone() - before[name].clone()).into_host());
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
    let moved: Vec<&[f32]> = after.values().map(|values| take(values.dims()[0])).collect();
    let movers = take(1)[0].max(1.0);
    for (((name, _), sum), present) in layout.parameters.into_iter().zip(sums).zip(present) {
        if *present > 0.0 {
            let sum = Values::Host(sum.to_vec());
            gradients.add(name, if is_cpu { sum } else { Values::Device(sum.into_device(&device)) });
        }
    }
    let mean = before.iter().zip(moved).map(|((name, before), moved)| {
        let moved = Tensor::<1>::from_data(TensorData::from(moved), &before.device());
        (name.clone(), before.clone() + moved / movers)
    });
    trainee.model = with_running_statistics(trainee.model.clone(), mean.collect());
    Ok(())
}

/// The parameters that are trained, and how many numbers each has: the same on all ranks.
#[derive(Default)]
struct Layout {
    parameters: Vec<(String, usize)>,
}

impl ParameterVisitor for Layout {
    fn visit<const D: usize>(&mut self, name: String, param: &Param<Tensor<D>>) {
        if param.val().is_require_grad() {
            self.parameters.push((name, param.shape().num_elements()));
        }
    }
}
