//! Where results go, and what becomes of them on the way.

use std::mem::MaybeUninit;

use pulp::{Simd, bytemuck};

use crate::activation::gelu_vectors;

/// Where the pixels of some rows are in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    /// Of the first pixel.
    pub(crate) start: usize,
    /// From a row to the next.
    pub(crate) row_step: usize,
    /// From a pixel to the next of its row.
    pub(crate) step: usize,
}

impl Grid {
    #[inline(always)]
    pub(crate) fn place(self, [y, x]: [usize; 2]) -> usize {
        self.start + y * self.row_step + x * self.step
    }
}

/// Where a pixel goes, and where that is which is added to it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    to: usize,
    residual: usize,
}

/// What becomes of a value at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Activation {
    #[default]
    Identity,
    Relu,
    /// With the exact error function.
    Gelu,
}

impl Activation {
    pub(crate) fn relu(relu: bool) -> Self {
        if relu { Self::Relu } else { Self::Identity }
    }
}

/// What is added to the output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Residual<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) grid: Grid,
    /// Which pixel of a row of the grid is added to each of the task's; empty if they are in the same order.
    pub(crate) order: &'a [usize],
}

/// The output of a task.
pub(crate) struct Output<'a> {
    /// One value per column of every panel.
    pub(crate) bias: &'a [f32],
    pub(crate) activation: Activation,
    pub(crate) residual: Option<Residual<'a>>,
    /// Where a pixel goes.
    pub(crate) to: Grid,
    pub(crate) out: &'a mut [MaybeUninit<f32>],
}

impl Output<'_> {
    /// Of a pixel's row and column.
    #[inline(always)]
    pub(crate) fn place(&self, pixel: [usize; 2]) -> Place {
        let residual = match self.residual {
            Some(Residual { grid, order: [], .. }) => grid.place(pixel),
            Some(Residual { grid, order, .. }) => grid.place([pixel[0], order[pixel[1]]]),
            None => 0,
        };
        Place { to: self.to.place(pixel), residual }
    }

    /// Adds the residual, applies the activation, and writes the columns of a panel for one pixel: `columns` of them from
    /// `first` on.
    #[inline(always)]
    pub(crate) fn put<S: Simd, const V: usize>(
        &mut self,
        simd: S,
        mut sums: [S::f32s; V],
        place: Place,
        [first, columns]: [usize; 2],
    ) {
        if let Some(Residual { values, .. }) = self.residual {
            let residual = vectors::<S, V>(simd, &values[place.residual + first..][..columns]);
            for v in 0..V {
                sums[v] = simd.add_f32s(sums[v], residual[v]);
            }
        }
        // Into other variables: in its own place a clipped value would be a masked store, which can take long.
        let mut values = [simd.splat_f32s(0.0); V];
        if self.activation == Activation::Gelu {
            values = gelu_vectors(simd, sums);
        } else {
            for v in 0..V {
                values[v] = if self.activation == Activation::Relu { clipped(simd, sums[v]) } else { sums[v] };
            }
        }
        let out = &mut self.out[place.to + first..][..columns];
        let (whole, _) = S::as_uninit_mut_simd_f32s(out);
        if whole.len() == V {
            // Vector by vector: a copy of so many columns would be a call.
            for v in 0..V {
                whole[v].write(values[v]);
            }
        } else {
            // The last panel has columns that are not there.
            let values = values;
            out.write_copy_of_slice(&bytemuck::cast_slice(&values)[..columns]);
        }
    }
}

/// Up to V vectors.
#[inline(always)]
fn vectors<S: Simd, const V: usize>(simd: S, values: &[f32]) -> [S::f32s; V] {
    let (whole, rest) = S::as_simd_f32s(values);
    let mut vectors = [simd.splat_f32s(0.0); V];
    if whole.len() == V {
        vectors.copy_from_slice(whole);
        return vectors;
    }
    // The last panel has columns that are not there.
    vectors[..whole.len()].copy_from_slice(whole);
    vectors[whole.len()] = simd.partial_load_f32s(rest);
    vectors
}

/// Negative values become zero; what is not a number stays that, so that a model that has diverged
/// is noticed.
#[inline(always)]
fn clipped<S: Simd>(simd: S, values: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    simd.select_f32s(simd.less_than_f32s(values, zero), zero, values)
}
