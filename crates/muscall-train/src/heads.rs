//! What only training needs beside the model.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use crate::recipe::Recipe;

/// Parameters that a bundle does not have.
#[derive(Debug, Clone)]
pub struct Heads {
    /// From the audio encoder to where views are compared.
    ssl_projector: Option<Projector>,
    /// What the loss itself has, `[1]` each, by name.
    loss: Vec<(String, Param<Tensor<1>>)>,
}

/// SimCLR's projector: one hidden layer.
///
/// # Source
/// Section 3.2.2 of the paper.
#[derive(Module, Debug)]
pub(crate) struct Projector {
    hidden: Linear,
    out: Linear,
}

impl Projector {
    fn new(inputs: usize, outputs: usize, device: &Device) -> Self {
        Self {
            hidden: LinearConfig::new(inputs, inputs).init(device),
            out: LinearConfig::new(inputs, outputs).init(device),
        }
    }

    /// # Shapes
    /// - x: `[views, inputs]`; returns `[views, outputs]`.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.out.forward(relu(self.hidden.forward(x)))
    }
}

impl Heads {
    pub(crate) fn new(recipe: &Recipe, device: &Device) -> Self {
        let width = recipe.model.audio.output_dim();
        let parameter = |(name, value): (&str, f32)| (name.to_owned(), Param::from_data([value], device));
        Self {
            ssl_projector: recipe.ssl.as_ref().map(|ssl| Projector::new(width, ssl.projection_dim, device)),
            loss: recipe.loss.parameters().into_iter().map(parameter).collect(),
        }
    }

    /// For self-supervision, if the recipe asks for it.
    pub(crate) fn ssl_projector(&self) -> Option<&Projector> {
        self.ssl_projector.as_ref()
    }

    /// What the loss itself has, `[1]` each, by name.
    pub(crate) fn loss_parameters(&self) -> Vec<(String, Tensor<1>)> {
        self.loss.iter().map(|(name, param)| (name.clone(), param.val())).collect()
    }
}

const PROJECTOR: &str = "ssl_projector";
const KIND: &str = "Struct:Heads";

/// By hand, since the names of the loss's parameters are the loss's.
impl Heads {
    fn each(
        self,
        projector: impl FnOnce(Projector) -> Projector,
        loss: impl Fn(Param<Tensor<1>>) -> Param<Tensor<1>>,
    ) -> Self {
        Self {
            ssl_projector: self.ssl_projector.map(projector),
            loss: self.loss.into_iter().map(|(name, param)| (name, loss(param))).collect(),
        }
    }
}

impl Module for Heads {
    fn collect_devices(&self, devices: Vec<Device>) -> Vec<Device> {
        let devices = self.ssl_projector.collect_devices(devices);
        self.loss.iter().fold(devices, |devices, (_, param)| param.collect_devices(devices))
    }

    fn fork(self, device: &Device) -> Self {
        self.each(|projector| projector.fork(device), |param| param.fork(device))
    }

    fn to_device(self, device: &Device) -> Self {
        self.each(|projector| projector.to_device(device), |param| param.to_device(device))
    }

    fn train(self) -> Self {
        self.each(Module::train, Module::train)
    }

    fn valid(&self) -> Self {
        self.clone().each(|projector| projector.valid(), |param| param.valid())
    }

    fn materialize(self) -> Self {
        self.each(Module::materialize, Module::materialize)
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        if let Some(projector) = &self.ssl_projector {
            visitor.enter_module(PROJECTOR, KIND);
            projector.visit(visitor);
            visitor.exit_module(PROJECTOR, KIND);
        }
        for (name, param) in &self.loss {
            visitor.enter_module(name, KIND);
            param.visit(visitor);
            visitor.exit_module(name, KIND);
        }
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        let ssl_projector = self.ssl_projector.map(|projector| {
            mapper.enter_module(PROJECTOR, KIND);
            let projector = projector.map(mapper);
            mapper.exit_module(PROJECTOR, KIND);
            projector
        });
        let mut map = |(name, param): (String, Param<Tensor<1>>)| {
            mapper.enter_module(&name, KIND);
            let param = Module::map(param, mapper);
            mapper.exit_module(&name, KIND);
            (name, param)
        };
        let loss = self.loss.into_iter().map(&mut map).collect();
        Self { ssl_projector, loss }
    }
}
