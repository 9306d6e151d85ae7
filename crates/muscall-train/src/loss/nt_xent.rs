//! The loss of SimCLR.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Bool, Int, Tensor, TensorData};

/// Cross-entropy of each view against all other views of the batch, its partner being the right
/// one; any batch size from 1 on.
///
/// # Shapes
/// - first, second: `[clips, dim]`, two views of the same clips, of any norm;
/// - returns `[1]`.
/// # Source
/// Section 3.2.2 of the paper; Chen et al. 2020.
pub fn nt_xent(first: Tensor<2>, second: Tensor<2>, temperature: f64) -> Tensor<1> {
    assert_eq!(first.dims(), second.dims(), "two views of the same clips");
    let [clips, _] = first.dims();
    let views = Tensor::cat(vec![first, second], 0);
    let device = views.device();
    let norm = views.clone().square().sum_dim(1).sqrt().clamp_min(1e-8);
    let views = views / norm;
    let logits = views.clone().matmul(views.transpose()) / temperature;
    let itself = Tensor::<2, Bool>::diag_mask([2 * clips, 2 * clips], 0, &device).bool_not();
    let logits = logits.mask_fill(itself, f32::NEG_INFINITY);
    let partners: Vec<i32> = (clips..2 * clips).chain(0..clips).map(|view| view as i32).collect();
    let partners = Tensor::<2, Int>::from_data(TensorData::new(partners, [2 * clips, 1]), &device);
    log_softmax(logits, 1).gather(1, partners).mean().neg()
}
