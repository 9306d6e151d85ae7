//! Batch norm, residual and ReLU as one operator with its own backward pass, for a GPU.
//!
//! burn's batch norm copies its input to have each channel in one piece, twice forward and twice back, and keeps it
//! in 32 bits for the backward pass. Convolutions on a GPU leave channels last in memory, though: here sums go over
//! rows of channels where they are, and what is kept is what the convolution gave and what comes out.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Scalar, TensorMetadata, backend_extension};
use burn::tensor::{DType, FloatDType, Shape, Tensor};

use super::BatchNorm;
use super::batch_norm::EPSILON;
use super::register::register_all;

impl BatchNorm {
    /// `relu(norm(x) + residual)` with the statistics of the batch, towards which the running ones move; computed
    /// in 32 bits.
    ///
    /// # Shapes
    /// - x: `[batch, channels, height, width]`; returned in the same shape and the same numbers, as the residual.
    pub(super) fn activate_fused(&self, x: Tensor<4>, residual: Option<Tensor<4>>, relu: bool) -> Tensor<4> {
        let [batch, _, height, width] = x.dims();
        let shape = NormShape { relu, has_residual: residual.is_some() };
        // An operator has a fixed number of parents; this one gets no gradient.
        let residual = residual.unwrap_or_else(|| Tensor::zeros([1, 1, 1, 1], (&x.device(), x.dtype())));
        let (out, mean, variance) = <Dispatch as NormOps>::activated_norm(
            x.into_dispatch(),
            self.weight.val().into_dispatch(),
            self.bias.val().into_dispatch(),
            residual.into_dispatch(),
            shape,
        );
        self.advance(Tensor::from_dispatch(mean), Tensor::from_dispatch(variance), (batch * height * width) as f64);
        Tensor::from_dispatch(out)
    }
}

/// What an operator needs to know beside its tensors.
#[derive(Debug, Clone, Copy)]
pub struct NormShape {
    relu: bool,
    has_residual: bool,
}

/// The operator, and its backward pass.
#[backend_extension(Flex: cfg(feature = "kernels"), Cube: cfg(feature = "gpu"), Autodiff)]
pub trait NormOps: Backend {
    /// Output, mean and variance; see [`BatchNorm::activate_fused`].
    fn activated_norm(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        shape: NormShape,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let numbers = x.dtype();
        let dims: [usize; 4] = x.shape().dims();
        let rows = rows::<Self>(x);
        let mean = mean_of_rows::<Self>(rows.clone());
        let centred = Self::float_sub(rows, mean.clone());
        // Squares of what is centred, not of x: those would cancel.
        let variance = mean_of_rows::<Self>(Self::float_mul(centred.clone(), centred.clone()));
        let scale = Self::float_mul(per_channel::<Self>(gain), inverse_deviation::<Self>(variance.clone()));
        let mut out = Self::float_add(Self::float_mul(centred, scale), per_channel::<Self>(offset));
        if shape.has_residual {
            out = Self::float_add(out, self::rows::<Self>(residual));
        }
        if shape.relu {
            out = Self::relu(out);
        }
        let flat = |statistic| Self::float_reshape(statistic, Shape::new([dims[1]]));
        (image::<Self>(out, dims, numbers), flat(mean), flat(variance))
    }

    /// Gradients of input, gain, offset and residual.
    // The macro reads the types as they stand: an alias would hide the tensors from it.
    #[allow(clippy::type_complexity)]
    fn activated_norm_backward(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        out: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        shape: NormShape,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let numbers = x.dtype();
        let dims: [usize; 4] = x.shape().dims();
        let gradient = if shape.relu { Self::relu_backward(out, gradient) } else { gradient };
        let by_row = rows::<Self>(gradient.clone());
        let deviation = inverse_deviation::<Self>(per_channel::<Self>(variance));
        let centred = Self::float_sub(rows::<Self>(x), per_channel::<Self>(mean));
        let normalised = Self::float_mul(centred, deviation.clone());
        let mean_gradient = mean_of_rows::<Self>(by_row.clone());
        let mean_projection = mean_of_rows::<Self>(Self::float_mul(by_row.clone(), normalised.clone()));
        let projected = Self::float_mul(normalised, mean_projection.clone());
        let centred = Self::float_sub(Self::float_sub(by_row, mean_gradient.clone()), projected);
        let to_x = Self::float_mul(centred, Self::float_mul(per_channel::<Self>(gain), deviation));
        let count = Scalar::Float((dims[0] * dims[2] * dims[3]) as f64);
        let sum = |mean| Self::float_reshape(Self::float_mul_scalar(mean, count), Shape::new([dims[1]]));
        (image::<Self>(to_x, dims, numbers), sum(mean_projection), sum(mean_gradient), gradient)
    }
}

#[cfg(feature = "kernels")]
impl NormOps for burn::backend::Flex {}
#[cfg(feature = "gpu")]
impl NormOps for burn::backend::Cube {}

/// `[batch, channels, height, width]` to `[batch · height, width, channels]` in 32 bits.
fn rows<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let [batch, channels, height, width] = x.shape().dims();
    let last = B::float_permute(x, &[0, 2, 3, 1]);
    let rows = B::float_reshape(last, Shape::new([batch * height, width, channels]));
    if rows.dtype() == DType::F32 { rows } else { B::float_cast(rows, FloatDType::F32) }
}

/// The way back.
fn image<B: Backend>(rows: FloatTensor<B>, dims: [usize; 4], numbers: DType) -> FloatTensor<B> {
    let [batch, channels, height, width] = dims;
    let rows = if numbers == DType::F32 { rows } else { B::float_cast(rows, numbers.into()) };
    let last = B::float_reshape(rows, Shape::new([batch, height, width, channels]));
    B::float_permute(last, &[0, 3, 1, 2])
}

/// `[rows, width, channels]` to `[1, 1, channels]`; in two steps, so that many threads have something to do.
fn mean_of_rows<B: Backend>(rows: FloatTensor<B>) -> FloatTensor<B> {
    B::float_mean_dim(B::float_mean_dim(rows, 1), 0)
}

/// `[channels]` to what meets rows.
fn per_channel<B: Backend>(values: FloatTensor<B>) -> FloatTensor<B> {
    let channels = values.shape().num_elements();
    B::float_reshape(values, Shape::new([1, 1, channels]))
}

fn inverse_deviation<B: Backend>(variance: FloatTensor<B>) -> FloatTensor<B> {
    B::float_recip(B::float_sqrt(B::float_add_scalar(variance, Scalar::Float(EPSILON))))
}

impl<B: Backend + NormOps, C: CheckpointStrategy> NormOps for Autodiff<B, C> {
    fn activated_norm(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        shape: NormShape,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        #[derive(Debug)]
        struct NormBackward;
        impl<B: Backend + NormOps> Backward<B, 4> for NormBackward {
            type State = ([FloatTensor<B>; 5], NormShape);

            fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
                let gradient = grads.consume::<B>(&ops.node);
                let ([x, gain, mean, variance, out], shape) = ops.state;
                let [to_x, to_gain, to_offset, to_residual] = ops.parents.map(|node| node.map(|node| node.id));
                let (x, gain, offset, residual) =
                    B::activated_norm_backward(x, gain, mean, variance, out, gradient, shape);
                let to_residual = to_residual.filter(|_| shape.has_residual);
                let parts = [(to_x, x), (to_gain, gain), (to_offset, offset), (to_residual, residual)];
                register_all::<B, 4>(grads, parts);
            }
        }
        let nodes = [x.node(), gain.node(), offset.node(), residual.node()];
        let (x, gain) = (x.into_primitive(), gain.into_primitive());
        let (out, mean, variance) =
            B::activated_norm(x.clone(), gain.clone(), offset.into_primitive(), residual.into_primitive(), shape);
        let constant = |tensor: FloatTensor<B>| <Self as AutodiffBackend>::from_inner(tensor);
        let tracked = match NormBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let state = [x, gain, mean.clone(), variance.clone(), out.clone()];
                prepared.finish((state, shape), out)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        };
        (tracked, constant(mean), constant(variance))
    }

    fn activated_norm_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: NormShape,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("there are no second derivatives")
    }
}

#[cfg(all(test, feature = "kernels"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::tensor::activation::relu;
    use burn::tensor::{Device, TensorData};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn drawn<const D: usize>(rng: &mut ChaCha8Rng, dims: [usize; D]) -> TensorData {
        let values: Vec<f32> = (0..dims.iter().product()).map(|_| rng.random_range(-1.0..2.0)).collect();
        TensorData::new(values, dims)
    }

    /// Output, running variance, gradients of input, residual, gain and offset.
    fn run(fused: bool, residual: bool, with_relu: bool) -> Vec<Vec<f32>> {
        let device = Device::flex().autodiff();
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let dims = [3, 5, 4, 7];
        let mut leaf = || Tensor::<4>::from_data(drawn(&mut rng, dims), &device).require_grad();
        let (x, shortcut, upstream) = (leaf(), leaf(), leaf().detach());
        let norm = BatchNorm::new(5, &device);
        let norm = BatchNorm {
            weight: norm.weight.map(|_| Tensor::from_data(drawn(&mut rng, [5]), &device).require_grad()),
            bias: norm.bias.map(|_| Tensor::from_data(drawn(&mut rng, [5]), &device).require_grad()),
            ..norm
        };
        let added = residual.then(|| shortcut.clone());
        let out = if fused {
            norm.activate_fused(x.clone(), added, with_relu)
        } else {
            let normed = norm.forward(x.clone());
            let sum = added.map_or(normed.clone(), |added| normed + added);
            if with_relu { relu(sum) } else { sum }
        };
        let gradients = (out.clone() * upstream).sum().backward();
        let flat = |tensor: Tensor<1>| tensor.into_data().try_into_vec::<f32>().unwrap();
        let gradient = |leaf: &Tensor<4>| leaf.grad(&gradients).map(|found| flat(found.reshape([-1])));
        vec![
            flat(out.reshape([-1])),
            flat(norm.running_var.value()),
            gradient(&x).unwrap(),
            gradient(&shortcut).unwrap_or_default(),
            flat(norm.weight.val().grad(&gradients).unwrap()),
            flat(norm.bias.val().grad(&gradients).unwrap()),
        ]
    }

    #[test]
    fn it_is_the_composition_with_all_its_gradients() {
        for (residual, with_relu) in [(false, true), (true, true), (false, false), (true, false)] {
            for (found, right) in run(true, residual, with_relu).iter().zip(run(false, residual, with_relu)) {
                assert_eq!(found.len(), right.len());
                for (found, right) in found.iter().zip(right) {
                    assert!((found - right).abs() < 2e-5 * right.abs().max(1.0), "{found} for {right}");
                }
            }
        }
    }
}
