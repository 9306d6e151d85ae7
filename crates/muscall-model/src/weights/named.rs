//! Walks over the parameters of a module, with the name of each.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// Looks at each float tensor of a module: parameters and running statistics.
pub trait ParameterVisitor {
    /// Called with `audio.resnet.conv1.weight` and so on.
    fn visit<const D: usize>(&mut self, name: String, param: &Param<Tensor<D>>);
}

/// Replaces each float tensor of a module.
pub trait ParameterMapper {
    /// Called with `audio.resnet.conv1.weight` and so on.
    fn map<const D: usize>(&mut self, name: String, param: Param<Tensor<D>>) -> Param<Tensor<D>>;
}

/// Shows a visitor all tensors, in the module's own order.
pub fn visit_parameters<M: Module>(module: &M, visitor: &mut impl ParameterVisitor) {
    module.visit(&mut Named { path: Vec::new(), inner: visitor });
}

/// The module with what a mapper makes of its tensors.
pub fn map_parameters<M: Module>(module: M, mapper: &mut impl ParameterMapper) -> M {
    module.map(&mut Named { path: Vec::new(), inner: mapper })
}

struct Named<'a, T> {
    path: Vec<String>,
    inner: &'a mut T,
}

impl<T> Named<'_, T> {
    /// The variant of an enum is not part of a name.
    fn enter(&mut self, name: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.path.push(name.to_owned());
        }
    }

    fn exit(&mut self, container: &str) {
        if !container.starts_with("Enum:") {
            self.path.pop();
        }
    }
}

impl<T: ParameterVisitor> ModuleVisitor for Named<'_, T> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.inner.visit(self.path.join("."), param);
    }
}

impl<T: ParameterMapper> ModuleMapper for Named<'_, T> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.inner.map(self.path.join("."), param)
    }
}
