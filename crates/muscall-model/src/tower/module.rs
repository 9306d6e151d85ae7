//! Walks over the parameters of a module whose type is not known.
//!
//! burn's visitors and mappers have a method for tensors of any number of dimensions, which no trait object can have.
//! Here they have one for `dyn Any`, in which the tensor is found again.

use std::any::Any;

use burn::module::{Flag, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Bool, Int, Tensor};

/// Most dimensions of a parameter.
const DIMENSIONS: &str = "parameters have one to six dimensions";

/// Any [`ModuleVisitor`].
pub(super) trait AnyVisitor {
    fn enter(&mut self, name: &str, container: &str);
    fn exit(&mut self, name: &str, container: &str);
    /// A `Param` of a tensor or of a flag.
    fn parameter(&mut self, param: &dyn Any);
}

/// Any [`ModuleMapper`].
pub(super) trait AnyMapper {
    fn enter(&mut self, name: &str, container: &str);
    fn exit(&mut self, name: &str, container: &str);
    /// Replaces what is in an `Option<Param<…>>`.
    fn parameter(&mut self, param: &mut dyn Any);
}

/// Tries each number of dimensions until one fits.
macro_rules! for_each_dimension {
    ($try:ident) => {
        $try!(1) || $try!(2) || $try!(3) || $try!(4) || $try!(5) || $try!(6)
    };
}

impl<V: ModuleVisitor> AnyVisitor for V {
    fn enter(&mut self, name: &str, container: &str) {
        self.enter_module(name, container);
    }

    fn exit(&mut self, name: &str, container: &str) {
        self.exit_module(name, container);
    }

    fn parameter(&mut self, param: &dyn Any) {
        macro_rules! visit {
            ($dims:literal) => {{
                if let Some(param) = param.downcast_ref::<Param<Tensor<$dims>>>() {
                    self.visit_float(param);
                    true
                } else if let Some(param) = param.downcast_ref::<Param<Tensor<$dims, Int>>>() {
                    self.visit_int(param);
                    true
                } else if let Some(param) = param.downcast_ref::<Param<Tensor<$dims, Bool>>>() {
                    self.visit_bool(param);
                    true
                } else {
                    false
                }
            }};
        }
        match param.downcast_ref::<Param<Flag>>() {
            Some(flag) => self.visit_flag(flag),
            None => assert!(for_each_dimension!(visit), "{DIMENSIONS}"),
        }
    }
}

impl<M: ModuleMapper> AnyMapper for M {
    fn enter(&mut self, name: &str, container: &str) {
        self.enter_module(name, container);
    }

    fn exit(&mut self, name: &str, container: &str) {
        self.exit_module(name, container);
    }

    fn parameter(&mut self, param: &mut dyn Any) {
        macro_rules! map {
            ($dims:literal) => {{
                if let Some(param) = param.downcast_mut::<Option<Param<Tensor<$dims>>>>() {
                    *param = param.take().map(|param| self.map_float(param));
                    true
                } else if let Some(param) = param.downcast_mut::<Option<Param<Tensor<$dims, Int>>>>() {
                    *param = param.take().map(|param| self.map_int(param));
                    true
                } else if let Some(param) = param.downcast_mut::<Option<Param<Tensor<$dims, Bool>>>>() {
                    *param = param.take().map(|param| self.map_bool(param));
                    true
                } else {
                    false
                }
            }};
        }
        match param.downcast_mut::<Option<Param<Flag>>>() {
            Some(flag) => *flag = flag.take().map(|flag| self.map_flag(flag)),
            None => assert!(for_each_dimension!(map), "{DIMENSIONS}"),
        }
    }
}

/// Shows a module of known type to a visitor of unknown type.
pub(super) struct Visitor<'a>(pub(super) &'a mut dyn AnyVisitor);

impl ModuleVisitor for Visitor<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.parameter(param);
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.0.parameter(param);
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.0.parameter(param);
    }

    fn visit_flag(&mut self, flag: &Param<Flag>) {
        self.0.parameter(flag);
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.0.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.0.exit(name, container_type);
    }
}

/// Gives a module of known type to a mapper of unknown type.
pub(super) struct Mapper<'a>(pub(super) &'a mut dyn AnyMapper);

impl Mapper<'_> {
    fn map<T: 'static>(&mut self, param: T) -> T {
        let mut param = Some(param);
        self.0.parameter(&mut param);
        param.expect("a mapper gives something for everything")
    }
}

impl ModuleMapper for Mapper<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.map(param)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        self.map(param)
    }

    fn map_bool<const D: usize>(&mut self, param: Param<Tensor<D, Bool>>) -> Param<Tensor<D, Bool>> {
        self.map(param)
    }

    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        self.map(flag)
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.0.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.0.exit(name, container_type);
    }
}
