//! The numbers of a tensor, where they are computed with.

use std::borrow::Cow;

use burn::tensor::{DType, Device, Tensor, TensorData};

/// The numbers of a parameter, a gradient or a moment, in row-major order: on the host for a CPU, where loops of our
/// own pass over them once, and on the device for a GPU, from which they would take longer than the step.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "there are a few hundred of them")]
pub enum Values {
    /// In memory.
    Host(Vec<f32>),
    /// On a device, outside of any graph.
    Device(Tensor<1>),
}

impl Values {
    /// The numbers of a tensor: they stay on its device, unless that is the CPU.
    pub fn of<const D: usize>(tensor: Tensor<D>) -> Self {
        let tensor = tensor.inner();
        if muscall_model::is_cpu(&tensor.device()) {
            let data = tensor.into_data().convert::<f32>();
            return Self::Host(data.try_into_vec().expect("converted to f32"));
        }
        let flat = tensor.reshape([-1]);
        Self::Device(if flat.dtype() == DType::F32 { flat } else { flat.cast(DType::F32) })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Host(values) => values.len(),
            Self::Device(tensor) => tensor.dims()[0],
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The device, unless they are on the host.
    pub fn device(&self) -> Option<Device> {
        match self {
            Self::Host(_) => None,
            Self::Device(tensor) => Some(tensor.device()),
        }
    }

    /// On the host, copied there if need be.
    pub fn host(&self) -> Cow<'_, [f32]> {
        match self {
            Self::Host(values) => Cow::Borrowed(values),
            Self::Device(tensor) => Cow::Owned(read(tensor.clone())),
        }
    }

    /// On the host.
    pub fn into_host(self) -> Vec<f32> {
        match self {
            Self::Host(values) => values,
            Self::Device(tensor) => read(tensor),
        }
    }

    /// On this device.
    pub(crate) fn into_device(self, device: &Device) -> Tensor<1> {
        match self {
            Self::Host(values) => Tensor::from_data(TensorData::from(values.as_slice()), device),
            Self::Device(tensor) => tensor.to_device(device),
        }
    }

    /// Adds as many others.
    pub(crate) fn add(&mut self, other: Self) {
        match self {
            Self::Host(sum) => sum.iter_mut().zip(other.host().iter()).for_each(|(sum, x)| *sum += x),
            Self::Device(sum) => *sum = sum.clone() + other.into_device(&sum.device()),
        }
    }

    /// Multiplies them.
    pub(crate) fn scale(&mut self, factor: f32) {
        match self {
            Self::Host(values) => values.iter_mut().for_each(|x| *x *= factor),
            Self::Device(tensor) => *tensor = tensor.clone() * factor,
        }
    }
}

impl PartialEq for Values {
    fn eq(&self, other: &Self) -> bool {
        self.host() == other.host()
    }
}

fn read(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("they are of 32 bits")
}
