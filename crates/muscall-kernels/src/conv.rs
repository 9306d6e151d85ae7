//! Convolution with everything that follows it.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::output::{Activation, Grid, Output, Residual};
use crate::pack::PackedMatrix;
use crate::tile::Task;
use crate::winograd::{Winograd, WinogradTask};
use crate::{FeatureMap, FeatureView, Level};

/// Bytes of input that a task goes over once per panel: they stay in the second-level cache.
const TASK_BYTES: usize = 96 << 10;
/// Of weights that do not stay there: then more input per task means that they are fetched less often.
const MANY_BYTES: usize = 512 << 10;

/// A 1×1 or 3×3 convolution with a bias and weights in the order of the kernel. A batch norm with
/// fixed statistics is part of them.
#[derive(Debug, Clone)]
pub struct Conv {
    weights: Weights,
    bias: Vec<f32>,
    inputs: usize,
    kernel: usize,
    stride: usize,
}

#[derive(Debug, Clone)]
enum Weights {
    /// `[kernel · kernel · inputs, outputs]`
    Direct(PackedMatrix),
    Winograd(Winograd),
}

impl Weights {
    /// The only matrix, or the one of the first place.
    fn matrix(&self) -> &PackedMatrix {
        match self {
            Self::Direct(matrix) => matrix,
            Self::Winograd(winograd) => winograd.matrix(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Direct(matrix) => matrix.bytes(),
            Self::Winograd(winograd) => winograd.bytes(),
        }
    }
}

/// What happens to a convolution's output.
#[derive(Debug, Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// Added, in the output's shape.
    pub residual: Option<FeatureView<'a>>,
    /// Whether negative values become zero.
    pub relu: bool,
}

impl Conv {
    /// # Shapes
    /// - weight: `[outputs, inputs, kernel, kernel]`, as PyTorch and burn have it; the kernel is 1
    ///   or 3, with a padding of 0 or 1.
    /// - bias: `[outputs]`, or empty for none.
    ///
    /// # Panics
    /// If these do not fit.
    pub fn new(weight: &[f32], dims: [usize; 3], stride: usize, bias: &[f32], level: Level) -> Self {
        let [outputs, inputs, kernel] = dims;
        let area = kernel * kernel;
        check(weight, dims);
        assert!(stride > 0, "a stride");
        let weights = if by_winograd(kernel, stride, inputs, outputs) {
            Weights::Winograd(Winograd::new(weight, [outputs, inputs], false, level))
        } else {
            let row = |depth: usize| depth % inputs * area + depth / inputs;
            Weights::Direct(PackedMatrix::new([area * inputs, outputs], level, weight, row, area * inputs))
        };
        let bias = weights.matrix().filled_up(bias);
        Self { weights, bias, inputs, kernel, stride }
    }

    /// The gradient's way back through a convolution with a stride of one: that with the turned
    /// kernel, from its outputs to its inputs.
    ///
    /// # Shapes
    /// - weight: `[outputs, inputs, kernel, kernel]`.
    pub(crate) fn transposed(weight: &[f32], dims: [usize; 3], level: Level) -> Self {
        let [outputs, inputs, kernel] = dims;
        let area = kernel * kernel;
        check(weight, dims);
        let weights = if by_winograd(kernel, 1, outputs, inputs) {
            Weights::Winograd(Winograd::new(weight, [outputs, inputs], true, level))
        } else {
            let row = |depth: usize| depth % outputs * inputs * area + area - 1 - depth / outputs;
            Weights::Direct(PackedMatrix::new([area * outputs, inputs], level, weight, row, area))
        };
        let bias = weights.matrix().filled_up(&[]);
        Self { weights, bias, inputs: outputs, kernel, stride: 1 }
    }

    /// Channels of the output.
    pub fn outputs(&self) -> usize {
        self.weights.matrix().columns
    }

    /// `[images, height, width, outputs]` for an input.
    pub fn output_dims<'x>(&self, x: impl Into<FeatureView<'x>>) -> [usize; 4] {
        let x = x.into();
        [x.images, x.height.div_ceil(self.stride), x.width.div_ceil(self.stride), self.weights.matrix().columns]
    }

    /// The border that an input must have.
    pub fn border(&self) -> usize {
        border(self.kernel, self.stride, self.inputs, self.weights.matrix().columns)
    }

    /// Convolves `x` into `out`, which gets the shape of the output and the border asked for.
    ///
    /// # Panics
    /// If `x` has other channels, or too small a [`border`](Self::border), or if the residual has
    /// another shape.
    pub fn run<'x>(&self, x: impl Into<FeatureView<'x>>, epilogue: Epilogue<'_>, out: &mut FeatureMap, border: usize) {
        self.run_then(x.into(), epilogue, out, border, |_| ());
    }

    /// The same; `then` sees each row of the output, borders and all, while it is in the cache, and what
    /// it says of them comes back in their order.
    pub(crate) fn run_then<T: Send>(
        &self,
        x: FeatureView<'_>,
        epilogue: Epilogue<'_>,
        out: &mut FeatureMap,
        border: usize,
        then: impl Fn(&[f32]) -> T + Sync,
    ) -> Vec<T> {
        let dims = self.checked_dims(x, epilogue);
        let values = out.unwritten(dims, border);
        let [_, height, width, _] = dims;
        let row_len = (width + 2 * border) * dims[3];
        let image_len = (height + 2 * border) * row_len;
        let images =
            values.chunks_mut(image_len.max(1)).map(|image| &mut image[border * row_len..][..height * row_len]);
        let seen = self.rows_of(x, epilogue, border, images, then);
        // SAFETY: the tasks have written all rows of all images, `unwritten` the border around them.
        unsafe { out.assume_written() };
        seen
    }

    /// Convolves `x` into rows below those that `out` has, a map of one image.
    ///
    /// # Panics
    /// As [`run`](Self::run), and if `out` has another width or other channels.
    pub fn append<'x>(&self, x: impl Into<FeatureView<'x>>, epilogue: Epilogue<'_>, out: &mut FeatureMap) {
        let x = x.into();
        let dims = self.checked_dims(x, epilogue);
        let [images, height, width, columns] = dims;
        assert_eq!([images, width, columns], [out.images, out.width, out.channels], "rows of one map");
        let border = out.border;
        let rows = out.unwritten_rows(height);
        self.rows_of(x, epilogue, border, std::iter::once(rows), |_| ());
        // SAFETY: the tasks have written all rows, `unwritten_rows` the border around them.
        unsafe { out.assume_written() };
    }

    /// The shape of the output, if everything fits.
    fn checked_dims(&self, x: FeatureView<'_>, epilogue: Epilogue<'_>) -> [usize; 4] {
        assert_eq!(x.channels, self.inputs, "channels of the input");
        assert!(x.border >= self.border(), "a border of {}", self.border());
        let dims = self.output_dims(x);
        if let Some(residual) = epilogue.residual {
            assert_eq!(residual.dims(), dims, "the residual has the output's shape");
        }
        dims
    }

    /// Writes the rows of each image, which have a `border` at both sides.
    fn rows_of<'o, T: Send>(
        &self,
        x: FeatureView<'_>,
        epilogue: Epilogue<'_>,
        border: usize,
        images: impl Iterator<Item = &'o mut [MaybeUninit<f32>]>,
        then: impl Fn(&[f32]) -> T + Sync,
    ) -> Vec<T> {
        let [count, height, width, columns] = self.output_dims(x);
        let reach = self.kernel / 2;
        let row_len = (width + 2 * border) * columns;
        let bytes_a_row = width * self.stride * self.stride * self.inputs * size_of::<f32>();
        let shares = if rayon::current_num_threads() == 1 { 1 } else { 2 * rayon::current_num_threads() };
        let fair = (height * count).div_ceil(shares).max(1);
        let task_bytes = if self.weights.bytes() > MANY_BYTES { 2 * TASK_BYTES } else { TASK_BYTES };
        let rows = (task_bytes / bytes_a_row.max(1)).clamp(1, fair);
        // Winograd's outputs come in pairs of rows.
        let rows = if matches!(self.weights, Weights::Winograd(_)) { rows.next_multiple_of(2) } else { rows };
        // A kernel row is one run of inputs: pixels lie side by side.
        let taps: Vec<usize> = (0..self.kernel).map(|row| row * x.row_len()).collect();
        let mut tasks = Vec::with_capacity(count * height.div_ceil(rows));
        for (image, values) in images.enumerate() {
            let chunks = values.chunks_mut((rows * row_len).max(1));
            tasks.extend(chunks.enumerate().map(|(chunk, values)| (image, chunk, values)));
        }
        tasks
            .into_par_iter()
            .flat_map_iter(|(image, chunk, values)| {
                let (first, count) = (chunk * rows, values.len() / row_len);
                let residual = epilogue.residual.map(|map| {
                    let start = map.offset(image, first, 0);
                    let grid = Grid { start, row_step: map.row_len(), step: columns };
                    Residual { values: map.data, grid, order: &[] }
                });
                let output = Output {
                    bias: &self.bias,
                    activation: Activation::relu(epilogue.relu),
                    residual,
                    to: Grid { start: border * columns, row_step: row_len, step: columns },
                    out: &mut *values,
                };
                match &self.weights {
                    Weights::Direct(weights) => weights.level.run(Task {
                        pixels: count * width,
                        width,
                        inputs: x.data,
                        from: Grid {
                            start: x.offset(image, first * self.stride, 0) - reach * (x.row_len() + x.channels),
                            row_step: self.stride * x.row_len(),
                            step: self.stride * x.channels,
                        },
                        taps: &taps,
                        depth: self.kernel * self.inputs,
                        weights,
                        output,
                    }),
                    Weights::Winograd(weights) => {
                        let (first_row, rows) = (first, count);
                        weights.matrix().level.run(WinogradTask { x, image, first_row, rows, weights, output });
                    }
                }
                // SAFETY: the task has written all columns of all pixels of its rows, whoever gave them their borders.
                let values = unsafe { values.assume_init_ref() };
                values.chunks_exact(row_len).map(&then).collect::<Vec<T>>()
            })
            .collect()
    }
}

fn check(weight: &[f32], [outputs, inputs, kernel]: [usize; 3]) {
    assert!(kernel == 1 || kernel == 3, "kernels of 1×1 and 3×3");
    // What is never written would be taken for written.
    assert!(outputs > 0 && inputs > 0, "at least one output and one input");
    assert_eq!(weight.len(), outputs * inputs * kernel * kernel, "a weight for each output, input and tap");
}

/// Winograd's transform knows by itself where pixels end.
pub(crate) fn border(kernel: usize, stride: usize, inputs: usize, outputs: usize) -> usize {
    if by_winograd(kernel, stride, inputs, outputs) { 0 } else { kernel / 2 }
}

fn by_winograd(kernel: usize, stride: usize, inputs: usize, outputs: usize) -> bool {
    kernel == 3 && stride == 1 && Winograd::pays(inputs, outputs)
}
