//! A moving average of the weights.

use std::collections::BTreeMap;

use burn::module::Param;
use burn::tensor::{Shape, Tensor, TensorData};
use muscall_model::DualEncoder;
use muscall_model::weights::{ParameterVisitor, StateDict, visit_parameters};

use crate::values::Values;

/// The average of a model's tensors over the steps, running statistics included. It is where the model is: on the
/// host, or on a GPU.
#[derive(Debug, Clone)]
pub struct Ema {
    decay: f64,
    averages: BTreeMap<String, (Shape, Values)>,
}

impl Ema {
    /// Starts from the model as it is.
    pub fn new(decay: f64, model: &DualEncoder) -> Self {
        let mut ema = Self { decay, averages: BTreeMap::new() };
        visit_parameters(model, &mut Averager { averages: &mut ema.averages, keep: 0.0 });
        ema
    }

    /// Goes on from a checkpoint.
    pub fn restore(decay: f64, state: StateDict) -> Self {
        let average = |(name, data): (String, TensorData)| {
            let shape = data.shape().clone();
            (name, (shape, Values::Host(data.try_into_vec().expect("states are f32"))))
        };
        Self { decay, averages: state.into_iter().map(average).collect() }
    }

    /// After step `step` (from 1). The first steps count more, so that the start is soon forgotten.
    pub fn update(&mut self, model: &DualEncoder, step: u64) {
        let step = step as f64;
        let keep = self.decay.min((1.0 + step) / (10.0 + step)) as f32;
        visit_parameters(model, &mut Averager { averages: &mut self.averages, keep });
    }

    /// The averaged tensors by name.
    pub fn state(&self) -> StateDict {
        let data = |(name, (shape, values)): (&String, &(Shape, Values))| {
            (name.clone(), TensorData::new(values.host().into_owned(), shape.clone()))
        };
        self.averages.iter().map(data).collect()
    }
}

struct Averager<'a> {
    averages: &'a mut BTreeMap<String, (Shape, Values)>,
    keep: f32,
}

impl ParameterVisitor for Averager<'_> {
    fn visit<const D: usize>(&mut self, name: String, param: &Param<Tensor<D>>) {
        let (new, keep) = (Values::of(param.val()), self.keep);
        let Some((_, average)) = self.averages.get_mut(&name) else {
            self.averages.insert(name, (param.shape(), new));
            return;
        };
        match (&mut *average, new) {
            (Values::Host(old), Values::Host(new)) => {
                old.iter_mut().zip(new).for_each(|(old, new)| *old = *old * keep + new * (1.0 - keep));
            }
            (old, new) => {
                let Some(device) = new.device().or_else(|| old.device()) else { return };
                let [old, new] = [old.clone(), new].map(|values| values.into_device(&device));
                *average = Values::Device(old * keep + new * (1.0 - keep));
            }
        }
    }
}
