//! Gradients of an operator's parents.

use burn::backend::Backend;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::tensor::FloatTensor;

/// Hands them to the parents that want one.
pub(super) fn register_all<B: Backend, const N: usize>(
    gradients: &mut Gradients,
    parents: [(Option<NodeId>, FloatTensor<B>); N],
) {
    for (node, gradient) in parents {
        if let Some(node) = node {
            gradients.register::<B>(node, gradient);
        }
    }
}
