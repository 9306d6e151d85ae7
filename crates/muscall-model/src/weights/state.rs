//! The named tensors of a module.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use crate::{Differences, ModelError};

/// Tensors by name, `audio.resnet.conv1.weight` and so on.
pub type StateDict = BTreeMap<String, TensorData>;

/// All float tensors of a module: parameters and running statistics.
pub fn state_of<M: Module>(module: &M) -> StateDict {
    let mut collector = Collector::default();
    module.visit(&mut collector);
    collector.state
}

/// Identifies tensors together with a text, 16 hexadecimal digits.
pub(crate) fn fingerprint(state: &StateDict, text: &str) -> String {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    hash.update(text.as_bytes());
    for (name, data) in state {
        hash.update(name.as_bytes());
        hash.update(data.as_bytes());
    }
    format!("{:016x}", hash.digest())
}

/// The module with the tensors of `state`, none missing and none left over.
///
/// # Errors
/// [`ModelError::Mismatch`] with every missing, surplus and misshapen tensor; `origin` is the
/// file that the message names.
pub fn with_state<M: Module>(module: M, state: StateDict, origin: &str) -> Result<M, ModelError> {
    let mut differences = Differences::default();
    let expected = shapes_of(&module);
    for (name, shape) in &expected {
        match state.get(name) {
            None => differences.missing.push(name.clone()),
            Some(data) if data.shape().as_slice() != shape.as_slice() => {
                let (expected, found) = (format!("{shape:?}"), format!("{:?}", data.shape().as_slice()));
                differences.misshapen.push((name.clone(), expected, found));
            }
            Some(_) => {}
        }
    }
    let surplus = state.keys().filter(|name| !expected.contains_key(*name));
    differences.surplus.extend(surplus.cloned());
    if !differences.is_empty() {
        let origin = origin.to_owned();
        return Err(ModelError::Mismatch { origin, differences });
    }
    Ok(module.map(&mut Loader { path: ParameterPath::default(), state }))
}

fn shapes_of<M: Module>(module: &M) -> BTreeMap<String, Vec<usize>> {
    #[derive(Default)]
    struct Shapes {
        path: ParameterPath,
        shapes: BTreeMap<String, Vec<usize>>,
    }
    impl ModuleVisitor for Shapes {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, container: &str) {
            self.path.exit(container);
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let shape = param.lazy_shape().as_slice().to_vec();
            self.shapes.insert(self.path.name(), shape);
        }
    }
    let mut shapes = Shapes::default();
    module.visit(&mut shapes);
    shapes.shapes
}

/// Where a visitor stands. The variant of an enum is not part of a name.
#[derive(Debug, Default)]
pub struct ParameterPath(Vec<String>);

impl ParameterPath {
    /// On entering a module.
    pub fn enter(&mut self, name: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.push(name.to_owned());
        }
    }

    /// On leaving a module.
    pub fn exit(&mut self, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.pop();
        }
    }

    /// The name of the parameter here.
    pub fn name(&self) -> String {
        self.0.join(".")
    }
}

#[derive(Debug, Default)]
struct Collector {
    path: ParameterPath,
    state: StateDict,
    only_running: bool,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.name();
        if self.only_running && !(name.ends_with(".running_mean") || name.ends_with(".running_var")) {
            return;
        }
        let data = param.val().into_data().convert::<f32>();
        self.state.insert(name, data);
    }
}

struct Loader {
    path: ParameterPath,
    state: StateDict,
}

impl ModuleMapper for Loader {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(data) = self.state.remove(&self.path.name()) else {
            return param;
        };
        let id = param.id;
        let tensor = Tensor::from_data(data, &param.lazy_device());
        param.transform_for_load(tensor, id)
    }
}

/// The running statistics of a module's batch norms.
pub fn running_statistics<M: Module>(module: &M) -> StateDict {
    let mut collector = Collector { only_running: true, ..Collector::default() };
    module.visit(&mut collector);
    collector.state
}

/// The module with running statistics as they were.
pub fn with_running_statistics<M: Module>(module: M, state: StateDict) -> M {
    module.map(&mut Loader { path: ParameterPath::default(), state })
}
