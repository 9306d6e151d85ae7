//! Convolution, batch norm with the batch's statistics, residual and ReLU, for training.

use rayon::prelude::*;

use crate::conv::border;
use crate::level::Vectorised;
use crate::weight_gradient::weight_gradient;
use crate::{Conv, Epilogue, FeatureMap, FeatureView, Level};

/// Pixels whose sums are taken in float32 before they are added in float64; a fixed number, so that
/// threads do not matter.
const CHUNK: usize = 512;

/// What a loop over channels goes over at least: where a pixel has fewer values, some pixels together.
const STRETCH: usize = 64;

/// `relu(norm(conv(x)) + residual)`, where the norm uses the statistics of the batch.
#[derive(Debug, Clone, Copy)]
pub struct ConvNorm<'a> {
    /// `[outputs, inputs, kernel, kernel]`.
    pub weight: &'a [f32],
    /// Outputs, inputs, kernel (1 or 3, padded by 0 or 1).
    pub dims: [usize; 3],
    /// 1 or 2.
    pub stride: usize,
    /// γ, `[outputs]`.
    pub gain: &'a [f32],
    /// β, `[outputs]`.
    pub offset: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether negative values become zero.
    pub relu: bool,
    /// Which instructions.
    pub level: Level,
}

/// What comes of a forward pass; backward needs all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Normed {
    /// `[images, height, width, outputs]`.
    pub out: Vec<f32>,
    /// Of the convolution alone, in the same shape.
    pub convolved: Vec<f32>,
    /// `[outputs]`.
    pub mean: Vec<f32>,
    /// Biased, `[outputs]`.
    pub variance: Vec<f32>,
}

impl Normed {
    /// Borrowed.
    pub fn as_ref(&self) -> NormedRef<'_> {
        NormedRef { out: &self.out, convolved: &self.convolved, mean: &self.mean, variance: &self.variance }
    }
}

/// [`Normed`], where somebody else holds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormedRef<'a> {
    /// `[images, height, width, outputs]`.
    pub out: &'a [f32],
    /// Of the convolution alone, in the same shape; where it is empty, backward convolves again.
    pub convolved: &'a [f32],
    /// `[outputs]`.
    pub mean: &'a [f32],
    /// Biased, `[outputs]`.
    pub variance: &'a [f32],
}

/// Gradients that somebody needs, beside those of the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// That of the input.
    pub x: bool,
    /// That of the residual.
    pub residual: bool,
}

/// Gradients of a loss.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvNormGradients {
    /// In the input's shape; empty if it was not asked for.
    pub x: Vec<f32>,
    /// `[outputs, inputs, kernel, kernel]`.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub gain: Vec<f32>,
    /// `[outputs]`.
    pub offset: Vec<f32>,
    /// In the output's shape; empty if it was not asked for.
    pub residual: Vec<f32>,
}

impl ConvNorm<'_> {
    /// `[images, height, width, outputs]` for an input.
    pub fn output_dims(&self, [images, height, width, _]: [usize; 4]) -> [usize; 4] {
        [images, height.div_ceil(self.stride), width.div_ceil(self.stride), self.dims[0]]
    }

    /// # Shapes
    /// - x: `[images, height, width, inputs]`; residual: as [`output_dims`](Self::output_dims).
    ///
    /// # Panics
    /// If these do not fit.
    pub fn forward(&self, x: &[f32], dims: [usize; 4], residual: Option<&[f32]>) -> Normed {
        let channels = self.dims[0];
        assert!(self.gain.len() == channels && self.offset.len() == channels, "a gain and an offset a channel");
        let conv = Conv::new(self.weight, self.dims, self.stride, &[], self.level);
        let mut map = FeatureMap::default();
        let moments = |values: &[f32]| Moments::of(values, channels, self.level);
        let parts =
            with_border(x, dims, conv.border(), |x| conv.run_then(x, Epilogue::default(), &mut map, 0, moments));
        let convolved = map.data;
        let (mean, variance) = Moments::merge(&parts, channels);
        let scale: Vec<f32> =
            self.gain.iter().zip(&variance).map(|(gain, var)| gain / (var + self.epsilon).sqrt()).collect();
        assert!(residual.is_none_or(|residual| residual.len() == convolved.len()), "a residual of the output's shape");
        let rows = CHUNK * channels;
        let mut out: Vec<f32> = Vec::with_capacity(convolved.len());
        let places = out.spare_capacity_mut()[..convolved.len()].par_chunks_mut(rows);
        let (means, scale, offset) = (stretched(&mean), stretched(&scale), stretched(self.offset));
        let stretch = means.len();
        places.zip(convolved.par_chunks(rows)).enumerate().for_each(|(i, (out, y))| {
            let residual = residual.map(|residual| &residual[i * rows..][..y.len()]);
            let floor = if self.relu { 0.0 } else { f32::NEG_INFINITY };
            self.level.run(Vectorised(
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
            ));
        });
        // SAFETY: the chunks above cover as many places as `convolved` has values, which is a whole number of
        // pixels, and each was written: mean, scale, gain and offset have a value for every channel.
        unsafe { out.set_len(convolved.len()) };
        Normed { out, convolved, mean, variance }
    }

    /// From the gradient of the output.
    ///
    /// # Panics
    /// If shapes do not fit, or if the gradient of the input of a strided convolution is asked for.
    pub fn backward(
        &self,
        x: &[f32],
        dims: [usize; 4],
        normed: NormedRef<'_>,
        mut gradient: Vec<f32>,
        wanted: Wanted,
    ) -> ConvNormGradients {
        let out_dims = self.output_dims(dims);
        let values = out_dims.iter().product::<usize>();
        let again = if normed.convolved.is_empty() { self.convolve(x, dims) } else { Vec::new() };
        let convolved = if normed.convolved.is_empty() { again.as_slice() } else { normed.convolved };
        let normed = NormedRef { convolved, ..normed };
        let fit = [gradient.len(), normed.out.len(), normed.convolved.len()].iter().all(|&len| len == values);
        assert!(fit, "gradients and outputs of one shape");
        let inverse: Vec<f32> = normed.variance.iter().map(|var| 1.0 / (var + self.epsilon).sqrt()).collect();
        let (offset, gain) = self.mask_and_sum(&mut gradient, normed, &inverse);
        let count = (values / self.dims[0]) as f32;
        let factors = NormBackward {
            mean: stretched(normed.mean),
            scale: stretched(&self.gain.iter().zip(&inverse).map(|(gain, inverse)| gain * inverse).collect::<Vec<_>>()),
            constant: stretched(&offset.iter().map(|sum| sum / count).collect::<Vec<_>>()),
            slope: stretched(
                &gain.iter().zip(&inverse).map(|(sum, inverse)| sum * inverse / count).collect::<Vec<_>>(),
            ),
            level: self.level,
        };
        let [outputs, inputs, kernel] = self.dims;
        let border = border(kernel, self.stride, inputs, outputs);
        // The gradient of the convolution's output, with the border that its transpose reads; in the memory of the
        // other one, if nobody else needs that.
        let (inner, residual) = if border == 0 && !wanted.residual {
            let rows = CHUNK * outputs;
            gradient.par_chunks_mut(rows).zip(normed.convolved.par_chunks(rows)).for_each(|(gradient, convolved)| {
                factors.in_place(gradient, convolved);
            });
            (FeatureMap::without_border(gradient, out_dims), Vec::new())
        } else {
            let inner = factors.with_border(&gradient, normed.convolved, out_dims, border);
            (inner, if wanted.residual { gradient } else { Vec::new() })
        };
        ConvNormGradients {
            x: if wanted.x { self.input_gradient(&inner) } else { Vec::new() },
            weight: with_border(x, dims, border, |x| weight_gradient(x, &inner, kernel, self.stride, self.level)),
            gain,
            offset,
            residual,
        }
    }

    fn convolve(&self, x: &[f32], dims: [usize; 4]) -> Vec<f32> {
        let conv = Conv::new(self.weight, self.dims, self.stride, &[], self.level);
        let mut map = FeatureMap::default();
        with_border(x, dims, conv.border(), |x| conv.run(x, Epilogue::default(), &mut map, 0));
        map.into_vec()
    }

    /// Takes what the ReLU has cut out of the gradient; sums what is left (the gradient of β) and its
    /// product with the normalised value (that of γ).
    fn mask_and_sum(&self, gradient: &mut [f32], normed: NormedRef<'_>, inverse: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let channels = self.dims[0];
        let rows = CHUNK * channels;
        let means = stretched(normed.mean);
        let stretch = means.len();
        // Where the output is no more than that, the gradient ends.
        let floor = if self.relu { 0.0 } else { f32::NEG_INFINITY };
        let partial = |((gradient, out), convolved): ((&mut [f32], &[f32]), &[f32])| {
            let (mut plain, mut product) = (vec![0.0_f32; stretch], vec![0.0_f32; stretch]);
            self.level.run(Vectorised(
                #[inline(always)]
                || {
                    let values = out.chunks(stretch).zip(convolved.chunks(stretch));
                    for (gradient, (out, convolved)) in gradient.chunks_mut(stretch).zip(values) {
                        let terms = gradient.iter_mut().zip(out).zip(convolved).zip(&means);
                        for ((((gradient, out), convolved), mean), (plain, product)) in
                            terms.zip(plain.iter_mut().zip(product.iter_mut()))
                        {
                            let left = if *out <= floor { 0.0 } else { *gradient };
                            *gradient = left;
                            *plain += left;
                            *product += left * (convolved - mean);
                        }
                    }
                },
            ));
            let mut sums = folded(&plain, channels);
            sums.extend(folded(&product, channels));
            sums
        };
        let parts = gradient.par_chunks_mut(rows).zip(normed.out.par_chunks(rows));
        let parts: Vec<Vec<f32>> = parts.zip(normed.convolved.par_chunks(rows)).map(partial).collect();
        let total = total(&parts, 2 * channels);
        let (plain, product) = total.split_at(channels);
        (
            plain.iter().map(|&sum| sum as f32).collect(),
            product.iter().zip(inverse).map(|(sum, inverse)| (*sum * f64::from(*inverse)) as f32).collect(),
        )
    }

    /// The transposed convolution, which for a stride of one is a convolution with the turned kernel.
    fn input_gradient(&self, inner: &FeatureMap) -> Vec<f32> {
        assert_eq!(self.stride, 1, "the gradient of a strided convolution's input");
        let mut x = FeatureMap::default();
        let conv = Conv::transposed(self.weight, self.dims, self.level);
        conv.run(inner, Epilogue::default(), &mut x, 0);
        x.data
    }
}

/// From the gradient of a norm's output to that of its input, with the values of some pixels' channels.
struct NormBackward {
    mean: Vec<f32>,
    scale: Vec<f32>,
    constant: Vec<f32>,
    slope: Vec<f32>,
    level: Level,
}

impl NormBackward {
    fn in_place(&self, gradient: &mut [f32], convolved: &[f32]) {
        let stretch = self.mean.len();
        self.level.run(Vectorised(
            #[inline(always)]
            || {
                for (gradient, convolved) in gradient.chunks_mut(stretch).zip(convolved.chunks(stretch)) {
                    for ((gradient, convolved), factors) in gradient.iter_mut().zip(convolved).zip(self.factors()) {
                        *gradient = before_norm(*gradient, *convolved, factors);
                    }
                }
            },
        ));
    }

    fn with_border(&self, gradient: &[f32], convolved: &[f32], dims: [usize; 4], border: usize) -> FeatureMap {
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
                self.level.run(Vectorised(
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
                ));
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

#[inline(always)]
fn before_norm(gradient: f32, convolved: f32, [mean, scale, constant, slope]: [f32; 4]) -> f32 {
    scale * (gradient - constant - (convolved - mean) * slope)
}

/// At least the floor; what is not a number stays that, so that a model that has diverged is noticed.
#[inline(always)]
fn clipped(value: f32, floor: f32) -> f32 {
    if value < floor { floor } else { value }
}

/// The input as it is, or a copy where a border is needed.
fn with_border<T>(x: &[f32], dims: [usize; 4], border: usize, then: impl FnOnce(FeatureView<'_>) -> T) -> T {
    if border == 0 { then(FeatureView::new(x, dims)) } else { then(FeatureMap::new(x, dims, border).view()) }
}

/// Mean and squared deviations of some pixels, a channel each.
struct Moments {
    pixels: usize,
    mean: Vec<f32>,
    squares: Vec<f32>,
}

impl Moments {
    /// In two passes: in one, the square of a large mean would take digits from the deviations.
    fn of(values: &[f32], channels: usize, level: Level) -> Self {
        let pixels = values.len() / channels;
        // Around the first pixel, which is nearer to the mean than zero.
        let first = stretched(&values[..channels]);
        let stretch = first.len();
        let mut sums = vec![0.0_f32; stretch];
        level.run(Vectorised(
            #[inline(always)]
            || {
                for values in values.chunks(stretch) {
                    for ((x, first), sum) in values.iter().zip(&first).zip(sums.iter_mut()) {
                        *sum += x - first;
                    }
                }
            },
        ));
        let mut mean = folded(&sums, channels);
        mean.iter_mut().zip(&first).for_each(|(mean, first)| *mean = *mean / pixels as f32 + first);
        let means = stretched(&mean);
        sums.fill(0.0);
        level.run(Vectorised(
            #[inline(always)]
            || {
                for values in values.chunks(stretch) {
                    for ((x, mean), sum) in values.iter().zip(&means).zip(sums.iter_mut()) {
                        *sum += (x - mean) * (x - mean);
                    }
                }
            },
        ));
        let squares = folded(&sums, channels);
        Self { pixels, mean, squares }
    }

    /// Mean and biased variance of all pixels.
    ///
    /// # Source
    /// Chan, Golub and LeVeque 1979.
    fn merge(parts: &[Self], channels: usize) -> (Vec<f32>, Vec<f32>) {
        let count: usize = parts.iter().map(|part| part.pixels).sum();
        let merged = |channel: usize| {
            let weighed = |part: &Self| part.pixels as f64 * f64::from(part.mean[channel]);
            let mean = parts.iter().map(weighed).sum::<f64>() / count as f64;
            let squares = |part: &Self| {
                let apart = f64::from(part.mean[channel]) - mean;
                f64::from(part.squares[channel]) + part.pixels as f64 * apart * apart
            };
            (mean as f32, (parts.iter().map(squares).sum::<f64>() / count as f64) as f32)
        };
        (0..channels).map(merged).unzip()
    }
}

/// A value a channel, again and again for some pixels.
fn stretched(channels: &[f32]) -> Vec<f32> {
    channels.repeat(STRETCH.div_ceil(channels.len().max(1)))
}

/// One sum a channel, of those of some pixels.
fn folded(sums: &[f32], channels: usize) -> Vec<f32> {
    let (first, others) = sums.split_at(channels);
    let mut folded = first.to_vec();
    for other in others.chunks_exact(channels) {
        folded.iter_mut().zip(other).for_each(|(sum, x)| *sum += x);
    }
    folded
}

/// Sums of parts in double precision, in their order.
fn total(parts: &[Vec<f32>], len: usize) -> Vec<f64> {
    let mut total = vec![0.0; len];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(total, &x)| *total += f64::from(x));
    }
    total
}
