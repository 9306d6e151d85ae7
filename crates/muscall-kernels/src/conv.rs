//! Convolution with everything that follows it.

use rayon::prelude::*;

use crate::pack::PackedMatrix;
use crate::tile::Task;
use crate::{FeatureMap, FeatureView, Level};

/// Bytes of input and output that a task works on for all panels: they stay in the cache.
const TASK_BYTES: usize = 64 << 10;

/// Tasks, at least.
const TASKS: usize = 8;

/// A 1×1 or 3×3 convolution with a bias and weights in the order of the kernel. A batch norm with
/// fixed statistics is part of them.
#[derive(Debug, Clone)]
pub struct Conv {
    weights: PackedMatrix,
    bias: Vec<f32>,
    inputs: usize,
    kernel: usize,
    stride: usize,
}

/// What happens to a convolution's output.
#[derive(Debug, Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// Added, in the output's shape.
    pub residual: Option<&'a FeatureMap>,
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
    pub fn new(
        weight: &[f32],
        [outputs, inputs, kernel]: [usize; 3],
        stride: usize,
        bias: &[f32],
        level: Level,
    ) -> Self {
        assert!(kernel == 1 || kernel == 3, "kernels of 1×1 and 3×3");
        assert!(stride > 0, "a stride");
        let area = kernel * kernel;
        assert_eq!(weight.len(), outputs * inputs * area, "a weight for each output, input and tap");
        let weights = PackedMatrix::new([area * inputs, outputs], level, |depth, output| {
            let (tap, input) = (depth / inputs, depth % inputs);
            weight[(output * inputs + input) * area + tap]
        });
        let bias = weights.filled_up(bias);
        Self { weights, bias, inputs, kernel, stride }
    }

    /// `[images, height, width, outputs]` for an input.
    pub fn output_dims<'x>(&self, x: impl Into<FeatureView<'x>>) -> [usize; 4] {
        let x = x.into();
        [x.images, x.height.div_ceil(self.stride), x.width.div_ceil(self.stride), self.weights.columns]
    }

    /// Convolves `x` into `out`, which gets the shape of the output and the border asked for.
    ///
    /// # Panics
    /// If `x` has other channels, or no border for a 3×3 kernel, or if the residual has another
    /// shape.
    pub fn run<'x>(&self, x: impl Into<FeatureView<'x>>, epilogue: Epilogue<'_>, out: &mut FeatureMap, border: usize) {
        self.run_then(x.into(), epilogue, out, border, |_| ());
    }

    /// The same; `then` sees rows of the output, borders and all, while they are in the cache, and what
    /// it says of them comes back in their order. How many rows that are does not depend on threads.
    pub(crate) fn run_then<T: Send>(
        &self,
        x: FeatureView<'_>,
        epilogue: Epilogue<'_>,
        out: &mut FeatureMap,
        border: usize,
        then: impl Fn(&[f32]) -> T + Sync,
    ) -> Vec<T> {
        assert_eq!(x.channels, self.inputs, "channels of the input");
        let reach = self.kernel / 2;
        assert!(x.border >= reach, "a border of {reach}");
        let dims = self.output_dims(x);
        if let Some(residual) = epilogue.residual {
            assert_eq!(residual.dims(), dims, "the residual has the output's shape");
        }
        out.reset(dims, border);
        let [_, height, width, _] = dims;
        let (row_len, image_len) = (out.row_len(), out.image_len());
        let bytes_a_row = width * (self.stride * self.stride * self.inputs + dims[3]) * size_of::<f32>();
        // No more rows than give a handful of threads something to do.
        let fair = (height * dims[0]).div_ceil(TASKS).max(1);
        let rows = (TASK_BYTES / bytes_a_row.max(1)).clamp(1, fair);
        // A kernel row is one run of inputs: pixels lie side by side.
        let taps: Vec<usize> = (0..self.kernel).map(|row| row * x.row_len()).collect();
        let mut tasks = Vec::with_capacity(dims[0] * height.div_ceil(rows));
        for (image, values) in out.data.chunks_mut(image_len.max(1)).enumerate() {
            let inner = &mut values[border * row_len..(border + height) * row_len];
            tasks.extend(inner.chunks_mut(rows * row_len).enumerate().map(|(chunk, values)| (image, chunk, values)));
        }
        tasks
            .into_par_iter()
            .map(|(image, chunk, values)| {
                let first = chunk * rows;
                let count = values.len() / row_len;
                let pixels = || (first..first + count).flat_map(|y| (0..width).map(move |x| (y, x)));
                let from: Vec<usize> = pixels()
                    .map(|(y, column)| {
                        let corner = x.offset(image, y * self.stride, column * self.stride);
                        corner - reach * (x.row_len() + x.channels)
                    })
                    .collect();
                let place = |(y, column)| (y - first) * row_len + (column + border) * self.weights.columns;
                let to: Vec<usize> = pixels().map(place).collect();
                let places: Vec<usize> = match epilogue.residual {
                    Some(map) => pixels().map(|(y, column)| map.offset(image, y, column)).collect(),
                    None => Vec::new(),
                };
                self.weights.level.run(Task {
                    inputs: x.data,
                    from: &from,
                    taps: &taps,
                    depth: self.kernel * self.inputs,
                    weights: &self.weights,
                    bias: &self.bias,
                    relu: epilogue.relu,
                    residual: epilogue.residual.map(|map| (map.data.as_slice(), places.as_slice())),
                    to: &to,
                    out: values,
                });
                then(values)
            })
            .collect()
    }
}
