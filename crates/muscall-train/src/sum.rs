//! A sum that every device gets right.

use burn::tensor::Tensor;

/// Numbers that are added up at once.
const ROW: usize = 4096;

/// The sum of all numbers, `[1]`.
///
/// burn 0.22.1 adds up only the first 262,144 numbers of a tensor on software Vulkan, without a word, when it is to sum
/// all of them; sums of rows are right.
pub(crate) fn sum_of_all<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let flat: Tensor<1> = tensor.reshape([-1]);
    let count = flat.dims()[0];
    let rows = count / ROW;
    if rows == 0 {
        return flat.sum();
    }
    let in_rows: Tensor<1> = flat.clone().narrow(0, 0, rows * ROW).reshape([rows, ROW]).sum_dim(1).reshape([rows]);
    match count - rows * ROW {
        0 => in_rows.sum(),
        rest => in_rows.sum() + flat.narrow(0, rows * ROW, rest).sum(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn rows_and_what_is_left_are_all_there_with_their_gradients() {
        let device = Device::flex().autodiff();
        for count in [1, ROW - 1, ROW, ROW + 1, 3 * ROW + 7] {
            let numbers: Vec<f32> = (0..count).map(|i| (i % 13) as f32 - 5.0).collect();
            let tensor = Tensor::<1>::from_data(TensorData::from(numbers.as_slice()), &device).require_grad();
            let sum = sum_of_all(tensor.clone().unsqueeze::<2>());
            let gradients = sum.clone().backward();
            assert_eq!(sum.into_scalar::<f32>(), numbers.iter().sum::<f32>(), "{count}");
            let gradient = tensor.grad(&gradients).unwrap().into_data().try_into_vec::<f32>().unwrap();
            assert_eq!(gradient, vec![1.0; count]);
        }
    }
}
