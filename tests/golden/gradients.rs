// The gradients of a module's parameters, by name.

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::tensor::{Gradients, Tensor};
use muscall_model::weights::{ParameterVisitor, visit_parameters};

/// Of the parameters that have any.
pub fn gradients_of<M: Module>(module: &M, gradients: &Gradients) -> BTreeMap<String, Vec<f32>> {
    struct Collect<'a> {
        gradients: &'a Gradients,
        found: BTreeMap<String, Vec<f32>>,
    }
    impl ParameterVisitor for Collect<'_> {
        fn visit<const D: usize>(&mut self, name: String, param: &Param<Tensor<D>>) {
            if let Some(gradient) = param.val().grad(self.gradients) {
                self.found.insert(name, gradient.into_data().try_into_vec().unwrap());
            }
        }
    }
    let mut collect = Collect { gradients, found: BTreeMap::new() };
    visit_parameters(module, &mut collect);
    collect.found
}
