//! Gradients on the host, by parameter name.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};
use muscall_model::weights::ParameterPath;

/// The gradient of each parameter that has one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GradientDict(BTreeMap<String, Vec<f32>>);

impl GradientDict {
    /// Adds the gradients of a module's parameters, and takes them out of `gradients`: there is one
    /// copy at a time.
    pub fn collect<M: Module>(&mut self, module: &M, gradients: &mut Gradients) {
        module.visit(&mut Collector { path: ParameterPath::default(), gradients, into: self });
    }

    /// Of one parameter, in row-major order.
    pub fn get(&self, name: &str) -> Option<&[f32]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[f32])> {
        self.0.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = (String, Vec<f32>)> {
        self.0.into_iter()
    }

    /// Multiplies all gradients.
    pub fn scale(&mut self, factor: f32) {
        self.0.values_mut().flatten().for_each(|x| *x *= factor);
    }

    /// The Euclidean norm of all gradients together.
    pub fn norm(&self) -> f64 {
        self.0.values().map(|values| sum_of_squares(values)).sum::<f64>().sqrt()
    }

    /// Takes one parameter's gradient out.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Vec<f32>> {
        self.0.remove(name)
    }

    /// Adds one parameter's gradient.
    pub(crate) fn add(&mut self, name: String, values: Vec<f32>) {
        match self.0.get_mut(&name) {
            Some(sum) => sum.iter_mut().zip(values).for_each(|(sum, x)| *sum += x),
            None => {
                self.0.insert(name, values);
            }
        }
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
    path: ParameterPath,
    gradients: &'a mut Gradients,
    into: &'a mut GradientDict,
}

impl ModuleVisitor for Collector<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad_remove(self.gradients) {
            let values = gradient.into_data().convert::<f32>();
            self.into.add(self.path.name(), values.try_into_vec().expect("converted to f32"));
        }
    }
}
