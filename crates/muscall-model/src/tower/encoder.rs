//! Networks that turn a batch into vectors, and any of them behind one type.

use std::fmt;

use burn::module::{Content, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor};
use burn::tensor::{Device, Tensor};

use super::module::{AnyMapper, AnyVisitor, Mapper, Visitor};
use super::time_map::TimeMap;
use crate::{Activations, Precision};

/// A network from batches of one kind, [`AudioBatch`](crate::AudioBatch) or [`TextBatch`](crate::TextBatch), to
/// vectors.
pub trait Encoder<Batch>: Module + Sync + 'static {
    /// Adds to `seen`, if it is there, what comes out of the parts of the network, each cut off from the next: see
    /// [`Activations`].
    ///
    /// # Shapes
    /// - returns `[batch, output_dim]`, in 32 bits.
    /// # Panics
    /// If the batch is not of the form that this encoder reads.
    fn forward(&self, batch: Batch, seen: Option<&mut Activations>) -> Tensor<2>;

    /// The parts of the forward pass, if the last feature map is a convolution over time.
    fn time_map(&self) -> Option<&dyn TimeMap> {
        None
    }

    /// Whether kernels of our own may stand in for burn's operators, if the network has any. The results agree to a few
    /// units of the last place.
    #[must_use]
    fn with_kernels(self, _kernels: bool) -> Self {
        self
    }

    /// Whether the network keeps less for its backward pass and computes it again, if it can. The gradients are the
    /// same.
    #[must_use]
    fn with_recompute(self, _recompute: bool) -> Self {
        self
    }

    /// In which numbers products are computed, if there is a choice.
    #[must_use]
    fn with_precision(self, _precision: Precision) -> Self {
        self
    }
}

/// [`Encoder`] without its type.
trait Erased<Batch>: fmt::Debug + Send + Sync {
    fn forward(&self, batch: Batch, seen: Option<&mut Activations>) -> Tensor<2>;
    fn time_map(&self) -> Option<&dyn TimeMap>;
    fn copy(&self) -> Box<dyn Erased<Batch>>;
    fn switched(self: Box<Self>, switch: Switch) -> Box<dyn Erased<Batch>>;
    fn devices(&self, devices: Vec<Device>) -> Vec<Device>;
    fn moved(self: Box<Self>, to: Move<'_>) -> Box<dyn Erased<Batch>>;
    fn validating(&self) -> Box<dyn Erased<Batch>>;
    fn visited(&self, visitor: &mut dyn AnyVisitor);
    fn mapped(self: Box<Self>, mapper: &mut dyn AnyMapper) -> Box<dyn Erased<Batch>>;
}

#[derive(Clone, Copy)]
enum Switch {
    Kernels(bool),
    Recompute(bool),
    Precision(Precision),
}

#[derive(Clone, Copy)]
enum Move<'a> {
    Fork(&'a Device),
    Device(&'a Device),
    Training,
    Materialized,
}

impl<Batch: 'static, E: Encoder<Batch>> Erased<Batch> for E {
    fn forward(&self, batch: Batch, seen: Option<&mut Activations>) -> Tensor<2> {
        Encoder::forward(self, batch, seen)
    }

    fn time_map(&self) -> Option<&dyn TimeMap> {
        Encoder::time_map(self)
    }

    fn copy(&self) -> Box<dyn Erased<Batch>> {
        Box::new(self.clone())
    }

    fn switched(self: Box<Self>, switch: Switch) -> Box<dyn Erased<Batch>> {
        Box::new(match switch {
            Switch::Kernels(kernels) => self.with_kernels(kernels),
            Switch::Recompute(recompute) => self.with_recompute(recompute),
            Switch::Precision(precision) => self.with_precision(precision),
        })
    }

    fn devices(&self, devices: Vec<Device>) -> Vec<Device> {
        self.collect_devices(devices)
    }

    fn moved(self: Box<Self>, to: Move<'_>) -> Box<dyn Erased<Batch>> {
        Box::new(match to {
            Move::Fork(device) => self.fork(device),
            Move::Device(device) => self.to_device(device),
            Move::Training => self.train(),
            Move::Materialized => self.materialize(),
        })
    }

    fn validating(&self) -> Box<dyn Erased<Batch>> {
        Box::new(self.valid())
    }

    fn visited(&self, visitor: &mut dyn AnyVisitor) {
        self.visit(&mut Visitor(visitor));
    }

    fn mapped(self: Box<Self>, mapper: &mut dyn AnyMapper) -> Box<dyn Erased<Batch>> {
        Box::new(self.map(&mut Mapper(mapper)))
    }
}

/// Any [`Encoder`] of batches of one kind. Its parameters have the names that they have in the encoder.
pub struct AnyEncoder<Batch>(Box<dyn Erased<Batch>>);

impl<Batch: 'static> AnyEncoder<Batch> {
    /// Forgets of which type an encoder is.
    pub fn new(encoder: impl Encoder<Batch>) -> Self {
        Self(Box::new(encoder))
    }

    /// # Shapes
    /// - returns `[batch, output_dim]`.
    /// # Panics
    /// If the batch is not of the form that this encoder reads.
    pub fn forward(&self, batch: impl Into<Batch>) -> Tensor<2> {
        self.run(batch.into(), None)
    }

    /// The same; adds what comes out of the parts of the network to `seen`.
    pub(crate) fn run(&self, batch: Batch, seen: Option<&mut Activations>) -> Tensor<2> {
        self.0.forward(batch, seen)
    }

    /// See [`Encoder::time_map`].
    pub fn time_map(&self) -> Option<&dyn TimeMap> {
        self.0.time_map()
    }

    /// See [`Encoder::with_kernels`].
    #[must_use]
    pub fn with_kernels(self, kernels: bool) -> Self {
        Self(self.0.switched(Switch::Kernels(kernels)))
    }

    /// See [`Encoder::with_recompute`].
    #[must_use]
    pub fn with_recompute(self, recompute: bool) -> Self {
        Self(self.0.switched(Switch::Recompute(recompute)))
    }

    /// See [`Encoder::with_precision`].
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self(self.0.switched(Switch::Precision(precision)))
    }
}

impl<Batch: 'static> Clone for AnyEncoder<Batch> {
    fn clone(&self) -> Self {
        Self(self.0.copy())
    }
}

impl<Batch> fmt::Debug for AnyEncoder<Batch> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<Batch: 'static> Module for AnyEncoder<Batch> {
    fn collect_devices(&self, devices: Vec<Device>) -> Vec<Device> {
        self.0.devices(devices)
    }

    fn fork(self, device: &Device) -> Self {
        Self(self.0.moved(Move::Fork(device)))
    }

    fn to_device(self, device: &Device) -> Self {
        Self(self.0.moved(Move::Device(device)))
    }

    fn train(self) -> Self {
        Self(self.0.moved(Move::Training))
    }

    fn valid(&self) -> Self {
        Self(self.0.validating())
    }

    fn materialize(self) -> Self {
        Self(self.0.moved(Move::Materialized))
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        self.0.visited(visitor);
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        Self(self.0.mapped(mapper))
    }
}

impl<Batch: 'static> ModuleDisplayDefault for AnyEncoder<Batch> {
    fn content(&self, content: Content) -> Option<Content> {
        Some(content.set_top_level_type("AnyEncoder"))
    }

    fn num_params(&self) -> usize {
        Module::num_params(self)
    }
}

impl<Batch: 'static> ModuleDisplay for AnyEncoder<Batch> {}
