//! Batch normalisation with the statistics of all clips of a group of devices.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor, TensorData, read_sync};

use super::batch_norm::EPSILON;
use super::{BatchNorm, NormGroup};

impl BatchNorm {
    /// With mean and variance over the clips of all members.
    pub(super) fn normalise_together(&self, x: Tensor<4>, group: &Arc<dyn NormGroup>) -> Tensor<4> {
        let [batch, channels, height, width] = x.dims();
        let per_channel = |x: Tensor<4>| -> Tensor<1> { x.sum_dims(&[0, 2, 3]).reshape([channels]) };
        let broadcast = |x: Tensor<1>| x.reshape([1, channels, 1, 1]);
        let mut count = [(batch * height * width) as f32];
        group.sum(&mut count);
        let count = f64::from(count[0]);
        let mean = sum_over(per_channel(x.clone()), group) / count;
        let centred = x - broadcast(mean.clone());
        // Squares of what is centred, not of x: those would cancel.
        let variance = sum_over(per_channel(centred.clone().square()), group) / count;
        self.advance(mean, variance.clone(), count);
        let gain = self.weight.val() / (variance + EPSILON).sqrt();
        centred * broadcast(gain) + broadcast(self.bias.val())
    }
}

/// Sums over the group, through which gradients come back: the gradient of a sum is the sum of all members'
/// gradients by it.
fn sum_over(x: Tensor<1>, group: &Arc<dyn NormGroup>) -> Tensor<1> {
    let group = Group(group.clone());
    Tensor::from_dispatch(<Dispatch as GroupOps>::sum_over(x.into_dispatch(), group))
}

/// A group as an argument of an operator.
#[derive(Debug, Clone)]
pub struct Group(Arc<dyn NormGroup>);

/// The operator.
#[backend_extension(Flex: cfg(feature = "kernels"), Cube: cfg(feature = "gpu"), Autodiff)]
pub trait GroupOps: Backend {
    /// See [`NormGroup::sum`]. The numbers go over the host.
    fn sum_over(x: FloatTensor<Self>, group: Group) -> FloatTensor<Self> {
        let device = x.device();
        let shape = x.shape();
        let data = read_sync(Self::float_into_data(x)).expect("what was computed can be read").convert::<f32>();
        let mut values = data.try_into_vec::<f32>().expect("converted to f32");
        group.0.sum(&mut values);
        Self::float_from_data(TensorData::new(values, shape), &device)
    }
}

#[cfg(feature = "kernels")]
impl GroupOps for burn::backend::Flex {}
#[cfg(feature = "gpu")]
impl GroupOps for burn::backend::Cube {}

impl<B: Backend + GroupOps, C: CheckpointStrategy> GroupOps for Autodiff<B, C> {
    fn sum_over(x: FloatTensor<Self>, group: Group) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct SumBackward;
        impl<B: Backend + GroupOps> Backward<B, 1> for SumBackward {
            type State = Group;

            fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
                let gradient = grads.consume::<B>(&ops.node);
                let gradient = B::sum_over(gradient, ops.state);
                if let [Some(node)] = ops.parents {
                    grads.register::<B>(node.id, gradient);
                }
            }
        }
        debug_assert_eq!(x.dtype(), DType::F32, "statistics are of 32 bits");
        let node = x.node();
        let sum = B::sum_over(x.into_primitive(), group.clone());
        match SumBackward.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(group, sum),
            OpsKind::UnTracked(prepared) => prepared.finish(sum),
        }
    }
}
