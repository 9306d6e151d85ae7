//! What follows the convolution, value by value: norm, residual and ReLU, and their way back.

use rayon::prelude::*;

use super::channels::{folded, stretched, total};
use super::layer::{ConvNorm, NormedRef};
use crate::{FeatureMap, Level};

/// Pixels whose sums are taken in float32 before they are added in float64; a fixed number, so that
/// threads do not matter.
const CHUNK: usize = 512;

impl ConvNorm<'_> {
    /// `relu(norm(convolved) + residual)`.
    pub(super) fn norm(&self, convolved: &[f32], mean: &[f32], variance: &[f32], residual: Option<&[f32]>) -> Vec<f32> {
        let len = convolved.len();
        self.check(mean, variance);
        assert!(residual.is_none_or(|residual| residual.len() == len), "a residual of the output's shape");
        let scale: Vec<f32> =
            self.gain.iter().zip(variance).map(|(gain, var)| gain / (var + self.epsilon).sqrt()).collect();
        let (means, scale, offset) = (stretched(mean), stretched(&scale), stretched(self.offset));
        let (rows, stretch, floor) = (CHUNK * self.dims[0], means.len(), self.floor());
        let mut out: Vec<f32> = Vec::with_capacity(len);
        let places = out.spare_capacity_mut()[..len].par_chunks_mut(rows);
        places.zip(convolved.par_chunks(rows)).enumerate().for_each(|(i, (out, y))| {
            let residual = residual.map(|residual| &residual[i * rows..][..y.len()]);
            self.level.vectorise(
                #[inline(always)]
                || {
                    for (p, (out, y)) in out.chunks_mut(stretch).zip(y.chunks(stretch)).enumerate() {
                        // The mean first: behind a factor it would take digits from what is left.
                        let terms = y.iter().zip(&means).zip(&scale).zip(&offset);
                        let values = terms.map(
                            #[inline(always)]
                            |(((y, mean), scale), offset)| (y - mean) * scale + offset,
                        );
                        match residual {
                            Some(residual) => {
                                let residual = &residual[p * stretch..][..out.len()];
                                for ((out, value), residual) in out.iter_mut().zip(values).zip(residual) {
                                    out.write(clipped(value + residual, floor));
                                }
                            }
                            None => {
                                for (out, value) in out.iter_mut().zip(values) {
                                    out.write(clipped(value, floor));
                                }
                            }
                        }
                    }
                },
            );
        });
        // SAFETY: the chunks above cover as many places as `convolved` has values, and each was written: `check`
        // has seen one value per channel, so that means, scale and offset are all as long as a stretch.
        unsafe { out.set_len(len) };
        out
    }

    /// What makes factors, repeated, as long as a stretch.
    fn check(&self, mean: &[f32], variance: &[f32]) {
        let channels = self.dims[0];
        assert!(self.gain.len() == channels && self.offset.len() == channels, "a gain and an offset per channel");
        assert!(mean.len() == channels && variance.len() == channels, "a mean and a variance per channel");
    }

    /// What an output is at least; where it is no more than that, its gradient ends.
    fn floor(&self) -> f32 {
        if self.relu { 0.0 } else { f32::NEG_INFINITY }
    }
}

/// From the gradient of a norm's output to that of its input, with the values of some pixels' channels.
pub(super) struct NormBackward {
    mean: Vec<f32>,
    scale: Vec<f32>,
    constant: Vec<f32>,
    slope: Vec<f32>,
    level: Level,
}

impl NormBackward {
    /// Takes what the ReLU has cut out of the gradient. With it come the gradients of γ and β.
    pub(super) fn new(layer: &ConvNorm<'_>, gradient: &mut [f32], normed: NormedRef<'_>) -> (Self, [Vec<f32>; 2]) {
        layer.check(normed.mean, normed.variance);
        let count = (gradient.len() / layer.dims[0]) as f32;
        let inverse: Vec<f32> = normed.variance.iter().map(|var| 1.0 / (var + layer.epsilon).sqrt()).collect();
        let [offset, products] = mask_and_sum(layer, gradient, normed);
        let offset: Vec<f32> = offset.iter().map(|&sum| sum as f32).collect();
        let gain: Vec<f32> =
            products.iter().zip(&inverse).map(|(sum, inverse)| (sum * f64::from(*inverse)) as f32).collect();
        let scale: Vec<f32> = layer.gain.iter().zip(&inverse).map(|(gain, inverse)| gain * inverse).collect();
        let constant: Vec<f32> = offset.iter().map(|sum| sum / count).collect();
        let slope: Vec<f32> = gain.iter().zip(&inverse).map(|(sum, inverse)| sum * inverse / count).collect();
        let backward = Self {
            mean: stretched(normed.mean),
            scale: stretched(&scale),
            constant: stretched(&constant),
            slope: stretched(&slope),
            level: layer.level,
        };
        (backward, [gain, offset])
    }

    /// In the memory of the gradient.
    pub(super) fn in_place(&self, gradient: &mut [f32], convolved: &[f32]) {
        let stretch = self.mean.len();
        let rows = CHUNK * stretch;
        gradient.par_chunks_mut(rows).zip(convolved.par_chunks(rows)).for_each(|(gradient, convolved)| {
            self.level.vectorise(
                #[inline(always)]
                || {
                    for (gradient, convolved) in gradient.chunks_mut(stretch).zip(convolved.chunks(stretch)) {
                        for ((gradient, convolved), factors) in gradient.iter_mut().zip(convolved).zip(self.factors()) {
                            *gradient = before_norm(*gradient, *convolved, factors);
                        }
                    }
                },
            );
        });
    }

    /// In other memory, with zeros around.
    pub(super) fn with_border(
        &self,
        gradient: &[f32],
        convolved: &[f32],
        dims: [usize; 4],
        border: usize,
    ) -> FeatureMap {
        let [_, height, width, channels] = dims;
        let mut inner = FeatureMap::default();
        let values = inner.unwritten(dims, border);
        let row_len = (width + 2 * border) * channels;
        let image_len = (height + 2 * border) * row_len;
        let stretch = self.mean.len();
        values.par_chunks_mut(image_len.max(1)).enumerate().for_each(|(image, values)| {
            let rows = values[border * row_len..(border + height) * row_len].par_chunks_mut(row_len).enumerate();
            rows.with_min_len(4).for_each(|(y, row)| {
                let at = (image * height + y) * width * channels;
                let row = &mut row[border * channels..][..width * channels];
                let (gradient, convolved) = (&gradient[at..][..row.len()], &convolved[at..][..row.len()]);
                self.level.vectorise(
                    #[inline(always)]
                    || {
                        let values = gradient.chunks(stretch).zip(convolved.chunks(stretch));
                        for (row, (gradient, convolved)) in row.chunks_mut(stretch).zip(values) {
                            let values = gradient.iter().zip(convolved).zip(self.factors());
                            for (out, ((gradient, convolved), factors)) in row.iter_mut().zip(values) {
                                out.write(before_norm(*gradient, *convolved, factors));
                            }
                        }
                    },
                );
            });
        });
        // SAFETY: every row of every image was written above, from its first column to its last: gradient and
        // convolution have a value for each, factors are as many as a stretch. `unwritten` wrote the border.
        unsafe { inner.assume_written() };
        inner
    }

    #[inline(always)]
    fn factors(&self) -> impl Iterator<Item = [f32; 4]> {
        let factors = self.mean.iter().zip(&self.scale).zip(&self.constant).zip(&self.slope);
        factors.map(
            #[inline(always)]
            |(((mean, scale), constant), slope)| [*mean, *scale, *constant, *slope],
        )
    }
}

/// Takes what the ReLU has cut out of the gradient; sums what is left, and its product with how far the
/// convolution's values are from their mean.
fn mask_and_sum(layer: &ConvNorm<'_>, gradient: &mut [f32], normed: NormedRef<'_>) -> [Vec<f64>; 2] {
    let channels = layer.dims[0];
    let means = stretched(normed.mean);
    let (rows, stretch, floor) = (CHUNK * channels, means.len(), layer.floor());
    let partial = |((gradient, out), convolved): ((&mut [f32], &[f32]), &[f32])| {
        let (mut plain, mut product) = (vec![0.0_f32; stretch], vec![0.0_f32; stretch]);
        layer.level.vectorise(
            #[inline(always)]
            || {
                let values = out.chunks(stretch).zip(convolved.chunks(stretch));
                for (gradient, (out, convolved)) in gradient.chunks_mut(stretch).zip(values) {
                    let terms = gradient.iter_mut().zip(out).zip(convolved).zip(&means);
                    for ((((gradient, out), convolved), mean), (plain, product)) in
                        terms.zip(plain.iter_mut().zip(product.iter_mut()))
                    {
                        let left = if *out <= floor { 0.0 } else { *gradient };
                        *plain += left;
                        *product += left * (convolved - mean);
                        // Last: where it is chosen it would be a masked store, which can take long.
                        *gradient = left;
                    }
                }
            },
        );
        (folded(&plain, channels), folded(&product, channels))
    };
    let parts = gradient.par_chunks_mut(rows).zip(normed.out.par_chunks(rows));
    let (plain, product): (Vec<_>, Vec<_>) = parts.zip(normed.convolved.par_chunks(rows)).map(partial).unzip();
    [total(&plain, channels), total(&product, channels)]
}

#[inline(always)]
fn before_norm(gradient: f32, convolved: f32, [mean, scale, constant, slope]: [f32; 4]) -> f32 {
    scale * (gradient - constant - (convolved - mean) * slope)
}

/// At least the floor; what is not a number stays that, so that a model that has diverged is noticed.
#[inline(always)]
fn clipped(value: f32, floor: f32) -> f32 {
    if value < floor { floor } else { value }
}
