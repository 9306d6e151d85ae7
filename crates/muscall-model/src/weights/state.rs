//! The named tensors of a module.

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData};

use super::named::{ParameterMapper, ParameterVisitor, map_parameters, visit_parameters};
use crate::{Differences, ModelError};

/// Tensors by name, `audio.resnet.conv1.weight` and so on.
pub type StateDict = BTreeMap<String, TensorData>;

/// All float tensors of a module: parameters and running statistics.
pub fn state_of<M: Module>(module: &M) -> StateDict {
    state_where(module, |_| true)
}

/// Those whose names are wanted: nothing else is copied.
pub fn state_where<M: Module>(module: &M, is_wanted: impl Fn(&str) -> bool) -> StateDict {
    let mut collector = Collector { is_wanted, state: StateDict::new() };
    visit_parameters(module, &mut collector);
    collector.state
}

/// Draws random weights that nobody has looked at yet. burn draws each when it is first looked at, so that otherwise the
/// order of the draws would depend on what is used first.
pub(crate) fn draw_all<M: Module>(module: &M) {
    struct Draw;
    impl ParameterVisitor for Draw {
        fn visit<const D: usize>(&mut self, _: String, param: &Param<Tensor<D>>) {
            let _ = param.val();
        }
    }
    visit_parameters(module, &mut Draw);
}

/// The module with the tensors of `state`, none missing and none left over.
///
/// # Errors
/// [`ModelError::Mismatch`] with every missing, surplus and misshapen tensor; `origin` is the
/// file that the message names.
pub fn with_state<M: Module>(module: M, state: StateDict, origin: &str) -> Result<M, ModelError> {
    let found = state.iter().map(|(name, data)| (name, data.shape().as_slice()));
    check_shapes(&shapes_of(&module), found, origin)?;
    Ok(map_parameters(module, &mut Loader(state)))
}

/// Whether the tensors that were found are those of a module, none missing and none left over.
///
/// # Errors
/// As [`with_state`].
pub(crate) fn check_shapes<'a>(
    expected: &BTreeMap<String, Vec<usize>>,
    found: impl Iterator<Item = (&'a String, &'a [usize])>,
    origin: &str,
) -> Result<(), ModelError> {
    let found: BTreeMap<_, _> = found.collect();
    let mut differences = Differences::default();
    for (name, expected) in expected {
        match found.get(name) {
            None => differences.missing.push(name.clone()),
            Some(found) if found != expected => {
                differences.misshapen.push((name.clone(), format!("{expected:?}"), format!("{found:?}")));
            }
            Some(_) => {}
        }
    }
    let surplus = found.into_keys().filter(|name| !expected.contains_key(*name));
    differences.surplus.extend(surplus.cloned());
    match differences.is_empty() {
        true => Ok(()),
        false => Err(ModelError::Mismatch { origin: origin.to_owned(), differences }),
    }
}

/// The shapes of all float tensors: nothing is drawn or allocated for them.
pub fn shapes_of<M: Module>(module: &M) -> BTreeMap<String, Vec<usize>> {
    struct Shapes(BTreeMap<String, Vec<usize>>);
    impl ParameterVisitor for Shapes {
        fn visit<const D: usize>(&mut self, name: String, param: &Param<Tensor<D>>) {
            self.0.insert(name, param.lazy_shape().as_slice().to_vec());
        }
    }
    let mut shapes = Shapes(BTreeMap::new());
    visit_parameters(module, &mut shapes);
    shapes.0
}

struct Collector<F> {
    is_wanted: F,
    state: StateDict,
}

impl<F: Fn(&str) -> bool> ParameterVisitor for Collector<F> {
    fn visit<const D: usize>(&mut self, name: String, param: &Param<Tensor<D>>) {
        if (self.is_wanted)(&name) {
            self.state.insert(name, param.val().into_data().convert::<f32>());
        }
    }
}

struct Loader(StateDict);

impl ParameterMapper for Loader {
    fn map<const D: usize>(&mut self, name: String, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(data) = self.0.remove(&name) else {
            return param;
        };
        let id = param.id;
        let tensor = Tensor::from_data(data, &param.lazy_device());
        param.transform_for_load(tensor, id)
    }
}
