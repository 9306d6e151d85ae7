//! Running statistics, kept and put back.

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::named::{ParameterMapper, ParameterVisitor, map_parameters, visit_parameters};

/// Running means and variances by name, on the module's device.
pub type RunningStatistics = BTreeMap<String, Tensor<1>>;

/// The running statistics of a module's batch norms. Nothing is copied.
pub fn running_statistics<M: Module>(module: &M) -> RunningStatistics {
    let mut collector = Collector::default();
    visit_parameters(module, &mut collector);
    collector.0
}

/// The module with running statistics as they were.
pub fn with_running_statistics<M: Module>(module: M, statistics: RunningStatistics) -> M {
    map_parameters(module, &mut Loader(statistics))
}

#[derive(Default)]
struct Collector(RunningStatistics);

impl ParameterVisitor for Collector {
    fn visit<const D: usize>(&mut self, name: String, param: &Param<Tensor<D>>) {
        if name.ends_with(".running_mean") || name.ends_with(".running_var") {
            self.0.insert(name, param.val().reshape([-1]));
        }
    }
}

struct Loader(RunningStatistics);

impl ParameterMapper for Loader {
    fn map<const D: usize>(&mut self, name: String, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(values) = self.0.remove(&name) else {
            return param;
        };
        let (id, shape) = (param.id, param.lazy_shape());
        let values = values.to_device(&param.lazy_device()).reshape(shape);
        param.transform_for_load(values, id)
    }
}
