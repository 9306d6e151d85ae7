//! Pooling.

use rayon::prelude::*;

use crate::{FeatureMap, FeatureView};

/// Means of 2×2 pixels; a last odd row or column is left out.
pub fn average2x2<'x>(x: impl Into<FeatureView<'x>>, out: &mut FeatureMap, border: usize) {
    let x = x.into();
    let (height, width, channels) = (x.height / 2, x.width / 2, x.channels);
    out.reset([x.images, height, width, channels], border);
    let (row_len, image_len) = (out.row_len(), out.image_len());
    out.data.par_chunks_mut(image_len.max(1)).enumerate().for_each(|(image, values)| {
        means(x, image, &mut values[border * row_len..(border + height) * row_len], border);
    });
}

/// The same into rows below those that `out` has, a map of one image.
///
/// # Panics
/// If `out` has another width or other channels.
pub fn append_average2x2<'x>(x: impl Into<FeatureView<'x>>, out: &mut FeatureMap) {
    let x = x.into();
    assert_eq!([x.images, x.width / 2, x.channels], [out.images, out.width, out.channels], "rows of one map");
    let border = out.border;
    means(x, 0, out.add_rows(x.height / 2), border);
}

/// Into rows that have a `border` at both sides.
fn means(x: FeatureView<'_>, image: usize, rows: &mut [f32], border: usize) {
    let (width, channels) = (x.width / 2, x.channels);
    let row_len = (width + 2 * border) * channels;
    rows.par_chunks_mut(row_len.max(1)).enumerate().with_min_len(8).for_each(|(y, row)| {
        let [above, below] = [0, 1].map(|i| &x.data[x.offset(image, 2 * y + i, 0)..][..2 * width * channels]);
        let row = &mut row[border * channels..(border + width) * channels];
        let pairs = above.chunks_exact(2 * channels).zip(below.chunks_exact(2 * channels));
        for (out, (above, below)) in row.chunks_exact_mut(channels).zip(pairs) {
            let ((a, b), (c, d)) = (above.split_at(channels), below.split_at(channels));
            for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *out = ((a + b) + (c + d)) * 0.25;
            }
        }
    });
}

/// The gradient of [`average2x2`].
///
/// # Shapes
/// - gradient: `[images, height / 2, width / 2, channels]`; returns `dims`.
///
/// # Panics
/// If these do not fit.
pub fn average2x2_backward(gradient: &[f32], [images, height, width, channels]: [usize; 4]) -> Vec<f32> {
    let (half_height, half_width) = (height / 2, width / 2);
    assert_eq!(gradient.len(), images * half_height * half_width * channels, "the output's shape");
    let mut out = vec![0.0; images * height * width * channels];
    out.par_chunks_mut((width * channels).max(1)).enumerate().with_min_len(8).for_each(|(row, out)| {
        let (image, y) = (row / height, row % height / 2);
        if y >= half_height {
            return;
        }
        let row = &gradient[(image * half_height + y) * half_width * channels..][..half_width * channels];
        for (out, gradient) in out.chunks_exact_mut(2 * channels).zip(row.chunks_exact(channels)) {
            let (left, right) = out.split_at_mut(channels);
            for ((left, right), gradient) in left.iter_mut().zip(right).zip(gradient) {
                *left = 0.25 * gradient;
                *right = 0.25 * gradient;
            }
        }
    });
    out
}
