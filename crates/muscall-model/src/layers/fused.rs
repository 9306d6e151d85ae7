//! Convolution, batch norm, residual and ReLU as one operator with its own backward pass, on burn's
//! CPU backend.
//!
//! Activations are `[batch, height, width, channels]` here; parameters and their layouts are those
//! of the modules.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::nn::conv::Conv2d;
use burn::tensor::{Bytes, DType, Device, Shape, Tensor};
use burn_flex::{FlexTensor, Layout};
use muscall_kernels::{ConvNorm, FeatureMap, FeatureView, Level, NormedRef, Wanted, average2x2_backward};

use super::BatchNorm;
use super::batch_norm::EPSILON;
use super::register::register_all;

/// Whether the operators here run on a device: in training, on the CPU.
pub(crate) fn runs_on(device: &Device) -> bool {
    device.is_autodiff() && crate::is_cpu(device)
}

/// `relu(norm(conv(x)) + residual)` with the statistics of the batch, towards which the running ones
/// move.
///
/// # Shapes
/// - x: `[batch, height, width, inputs]`; returns `[batch, height / stride, width / stride, outputs]`, as
///   the residual.
pub(crate) fn conv_norm(
    conv: &Conv2d,
    norm: &BatchNorm,
    x: Tensor<4>,
    residual: Option<Tensor<4>>,
    relu: bool,
    recompute: bool,
) -> Tensor<4> {
    let shape = LayerShape { stride: conv.stride[0], relu, has_residual: residual.is_some(), recompute };
    // An operator has a fixed number of parents; this one gets no gradient.
    let residual = residual.unwrap_or_else(|| Tensor::zeros([1, 1, 1, 1], &x.device()));
    let (out, _, mean, variance) = <Dispatch as FusedOps>::conv_norm(
        x.into_dispatch(),
        conv.weight.val().into_dispatch(),
        norm.weight.val().into_dispatch(),
        norm.bias.val().into_dispatch(),
        residual.into_dispatch(),
        shape,
    );
    let out = Tensor::<4>::from_dispatch(out);
    let [batch, height, width, _] = out.dims();
    norm.advance(Tensor::from_dispatch(mean), Tensor::from_dispatch(variance), (batch * height * width) as f64);
    out
}

/// Means of 2×2 pixels.
///
/// # Shapes
/// - x: `[batch, height, width, channels]`; returns `[batch, height / 2, width / 2, channels]`.
pub(crate) fn average2x2(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as FusedOps>::average2x2(x.into_dispatch()))
}

/// What an operator needs to know beside its tensors.
#[derive(Debug, Clone, Copy)]
pub struct LayerShape {
    stride: usize,
    relu: bool,
    has_residual: bool,
    /// Whether backward convolves again, so that nothing but inputs and outputs is kept.
    recompute: bool,
}

/// Output, the convolution alone, mean and variance.
type Forward<B> = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);
/// Of input, weight, gain, offset and residual.
type Gradient<B> = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);

/// The operators, and their backward passes.
#[backend_extension(Flex, Autodiff)]
pub trait FusedOps: Backend {
    /// See [`conv_norm`].
    fn conv_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        shape: LayerShape,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Its gradients; those of `x` and the residual as wanted.
    // The macro reads the types as they stand: an alias would hide the tensors from it.
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    fn conv_norm_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        out: FloatTensor<Self>,
        convolved: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        shape: LayerShape,
        wanted: Wanted,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// See [`average2x2`].
    fn average2x2(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Its gradient, for an input of `height` and `width`.
    fn average2x2_backward(gradient: FloatTensor<Self>, height: usize, width: usize) -> FloatTensor<Self>;
}

fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().expect("the tensor is contiguous and of f32")
}

/// Without a copy, if nobody else holds the tensor.
fn owned(tensor: FlexTensor) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("the tensor is of f32")
}

fn tensor(values: Vec<f32>, shape: &[usize]) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(Shape::from(shape.to_vec())), DType::F32)
}

/// In place of a tensor that nobody looks at.
fn nothing() -> FlexTensor {
    tensor(vec![0.0], &[1, 1, 1, 1])
}

fn dims(tensor: &FlexTensor) -> [usize; 4] {
    tensor.layout().shape().dims()
}

fn layer<'a>(weight: &'a FlexTensor, gain: &'a FlexTensor, offset: &'a FlexTensor, shape: LayerShape) -> ConvNorm<'a> {
    let [outputs, inputs, kernel, _] = dims(weight);
    ConvNorm {
        weight: values(weight),
        dims: [outputs, inputs, kernel],
        stride: shape.stride,
        gain: values(gain),
        offset: values(offset),
        epsilon: EPSILON as f32,
        relu: shape.relu,
        level: Level::best(),
    }
}

impl FusedOps for Flex {
    fn conv_norm(
        x: FlexTensor,
        weight: FlexTensor,
        gain: FlexTensor,
        offset: FlexTensor,
        residual: FlexTensor,
        shape: LayerShape,
    ) -> Forward<Self> {
        let (x, weight, residual) = (x.to_contiguous(), weight.to_contiguous(), residual.to_contiguous());
        let layer = layer(&weight, &gain, &offset, shape);
        let normed = layer.forward(values(&x), dims(&x), shape.has_residual.then(|| values(&residual)));
        let out_dims = layer.output_dims(dims(&x));
        let channels = [out_dims[3]];
        (
            tensor(normed.out, &out_dims),
            if shape.recompute { nothing() } else { tensor(normed.convolved, &out_dims) },
            tensor(normed.mean, &channels),
            tensor(normed.variance, &channels),
        )
    }

    fn conv_norm_backward(
        x: FlexTensor,
        weight: FlexTensor,
        gain: FlexTensor,
        out: FlexTensor,
        convolved: FlexTensor,
        mean: FlexTensor,
        variance: FlexTensor,
        gradient: FlexTensor,
        shape: LayerShape,
        wanted: Wanted,
    ) -> Gradient<Self> {
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        // The offset takes no part in the backward pass.
        let layer = layer(&weight, &gain, &gain, shape);
        let (out_dims, channels) = (dims(&out), [dims(&weight)[0]]);
        let normed = NormedRef {
            out: values(&out),
            convolved: if shape.recompute { &[] } else { values(&convolved) },
            mean: values(&mean),
            variance: values(&variance),
        };
        let found = layer.backward(values(&x), dims(&x), normed, owned(gradient), wanted);
        let part = |wanted, values, dims: [usize; 4]| {
            if wanted { tensor(values, &dims) } else { nothing() }
        };
        (
            part(wanted.x, found.x, dims(&x)),
            tensor(found.weight, &dims(&weight)),
            tensor(found.gain, &channels),
            tensor(found.offset, &channels),
            part(wanted.residual, found.residual, out_dims),
        )
    }

    fn average2x2(x: FlexTensor) -> FlexTensor {
        let x = x.to_contiguous();
        let mut out = FeatureMap::default();
        muscall_kernels::average2x2(FeatureView::new(values(&x), dims(&x)), &mut out, 0);
        let dims = out.dims();
        tensor(out.into_vec(), &dims)
    }

    fn average2x2_backward(gradient: FlexTensor, height: usize, width: usize) -> FlexTensor {
        let gradient = gradient.to_contiguous();
        let [batch, _, _, channels] = dims(&gradient);
        let shape = [batch, height, width, channels];
        tensor(average2x2_backward(values(&gradient), shape), &shape)
    }
}

impl<B: Backend + FusedOps, C: CheckpointStrategy> FusedOps for Autodiff<B, C> {
    fn conv_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        shape: LayerShape,
    ) -> Forward<Self> {
        #[derive(Debug)]
        struct ConvNormBackward;
        impl<B: Backend + FusedOps> Backward<B, 5> for ConvNormBackward {
            type State = ([FloatTensor<B>; 7], LayerShape);

            fn backward(self, ops: Ops<Self::State, 5>, grads: &mut Gradients, _: &mut Checkpointer) {
                let gradient = grads.consume::<B>(&ops.node);
                let ([x, weight, gain, out, convolved, mean, variance], shape) = ops.state;
                let [to_x, to_weight, to_gain, to_offset, to_residual] =
                    ops.parents.map(|node| node.map(|node| node.id));
                let to_residual = to_residual.filter(|_| shape.has_residual);
                let wanted = Wanted { x: to_x.is_some(), residual: to_residual.is_some() };
                let (x, weight, gain, offset, residual) =
                    B::conv_norm_backward(x, weight, gain, out, convolved, mean, variance, gradient, shape, wanted);
                let parts =
                    [(to_x, x), (to_weight, weight), (to_gain, gain), (to_offset, offset), (to_residual, residual)];
                register_all::<B, 5>(grads, parts);
            }
        }
        let nodes = [x.node(), weight.node(), gain.node(), offset.node(), residual.node()];
        let (x, weight, gain) = (x.into_primitive(), weight.into_primitive(), gain.into_primitive());
        let (out, convolved, mean, variance) = B::conv_norm(
            x.clone(),
            weight.clone(),
            gain.clone(),
            offset.into_primitive(),
            residual.into_primitive(),
            shape,
        );
        let constant = |tensor: FloatTensor<B>| <Self as AutodiffBackend>::from_inner(tensor);
        let tracked = match ConvNormBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let state = [x, weight, gain, out.clone(), convolved.clone(), mean.clone(), variance.clone()];
                prepared.finish((state, shape), out)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        };
        (tracked, constant(convolved), constant(mean), constant(variance))
    }

    fn conv_norm_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: LayerShape,
        _: Wanted,
    ) -> Gradient<Self> {
        unreachable!("there are no second derivatives")
    }

    fn average2x2(x: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct AverageBackward;
        impl<B: Backend + FusedOps> Backward<B, 1> for AverageBackward {
            type State = [usize; 2];

            fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
                let gradient = grads.consume::<B>(&ops.node);
                let ([node], [height, width]) = (ops.parents, ops.state);
                if let Some(node) = node {
                    grads.register::<B>(node.id, B::average2x2_backward(gradient, height, width));
                }
            }
        }
        let node = x.node();
        let x = x.into_primitive();
        let [_, height, width, _] = x.shape().dims();
        let out = B::average2x2(x);
        match AverageBackward.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish([height, width], out),
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        }
    }

    fn average2x2_backward(_: FloatTensor<Self>, _: usize, _: usize) -> FloatTensor<Self> {
        unreachable!("there are no second derivatives")
    }
}
