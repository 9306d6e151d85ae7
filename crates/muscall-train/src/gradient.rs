//! Gradients by parameter name.

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::tensor::{Gradients, Tensor};
use muscall_model::weights::{ParameterVisitor, visit_parameters};

use crate::sum::sum_of_all;
use crate::values::Values;

/// The gradient of each parameter that has one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GradientDict(BTreeMap<String, Values>);

impl GradientDict {
    /// Adds the gradients of a module's parameters, and takes them out of `gradients`: there is one
    /// copy at a time. Those of a GPU stay there.
    pub fn collect<M: Module>(&mut self, module: &M, gradients: &mut Gradients) {
        visit_parameters(module, &mut Collector { gradients, into: self });
    }

    /// Of one parameter.
    pub fn get(&self, name: &str) -> Option<&Values> {
        self.0.get(name)
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Values)> {
        self.0.iter().map(|(name, values)| (name.as_str(), values))
    }

    /// Adds all of another's.
    pub(crate) fn add_all(&mut self, other: Self) {
        other.0.into_iter().for_each(|(name, values)| self.add(name, values));
    }

    /// Multiplies all gradients.
    pub fn scale(&mut self, factor: f32) {
        self.0.values_mut().for_each(|values| values.scale(factor));
    }

    /// The Euclidean norm of all gradients together. It waits for a GPU, once.
    pub fn norm(&self) -> f64 {
        self.norm_in_place().read()
    }

    /// The same where the gradients are.
    pub(crate) fn norm_in_place(&self) -> Norm {
        let mut sum = 0.0;
        let mut on_device = Vec::new();
        for values in self.0.values() {
            match values {
                Values::Host(values) => sum += sum_of_squares(values),
                Values::Device(tensor) => on_device.push(sum_of_all(tensor.clone().square())),
            }
        }
        match on_device.is_empty() {
            true => Norm::Host(sum.sqrt()),
            false => Norm::Device(Tensor::cat(on_device, 0).sum() + sum),
        }
    }

    /// Forgets the gradients of what is not trained: they are no part of the norm.
    pub(crate) fn keep(&mut self, is_trained: impl Fn(&str) -> bool) {
        self.0.retain(|name, _| is_trained(name));
    }

    /// Takes one parameter's gradient out.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Values> {
        self.0.remove(name)
    }

    /// Adds one parameter's gradient.
    pub(crate) fn add(&mut self, name: String, values: Values) {
        match self.0.get_mut(&name) {
            Some(sum) => sum.add(values),
            None => {
                self.0.insert(name, values);
            }
        }
    }
}

/// The Euclidean norm of gradients.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "there is one per step")]
pub(crate) enum Norm {
    Host(f64),
    /// Its square, `[1]`, which a GPU may still be computing.
    Device(Tensor<1>),
}

impl Norm {
    /// Waits for it.
    pub(crate) fn read(&self) -> f64 {
        match self {
            Self::Host(norm) => *norm,
            Self::Device(square) => f64::from(square.clone().into_scalar::<f32>()).sqrt(),
        }
    }

    /// Waits for it, and keeps it on the host.
    pub(crate) fn wait(&mut self) -> f64 {
        let norm = self.read();
        *self = Self::Host(norm);
        norm
    }
}

fn sum_of_squares(values: &[f32]) -> f64 {
    // Some sums side by side: in one, each addition would wait for the one before.
    let mut sums = [0.0; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for (sum, &x) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(x) * f64::from(x);
        }
    }
    let rest: f64 = rest.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    sums.iter().sum::<f64>() + rest
}

struct Collector<'a> {
    gradients: &'a mut Gradients,
    into: &'a mut GradientDict,
}

impl ParameterVisitor for Collector<'_> {
    fn visit<const D: usize>(&mut self, name: String, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad_remove(self.gradients) {
            self.into.add(name, Values::of(gradient));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn gradients_on_a_device_have_the_same_norm_sum_and_scale() {
        let numbers = [3.0_f32, -1.0, 0.5, 2.0];
        let mut host = GradientDict::default();
        let mut device = GradientDict::default();
        for name in ["a", "b", "a"] {
            host.add(name.to_owned(), Values::Host(numbers.to_vec()));
            let tensor = Tensor::<1>::from_data(TensorData::from(numbers), &Device::flex());
            device.add(name.to_owned(), Values::Device(tensor));
        }
        assert_eq!(device, host);
        host.scale(0.5);
        device.scale(0.5);
        assert_eq!(device, host);
        assert_eq!(device.norm(), host.norm());
        // (2² + 1²) times the sum of the squares, halved.
        assert_eq!(host.norm(), (5.0_f64 * 14.25).sqrt() / 2.0);
        // One place for both: the first one's.
        host.add("b".to_owned(), device.remove("b").unwrap());
        assert!(host.get("b").unwrap().device().is_none());
    }
}
