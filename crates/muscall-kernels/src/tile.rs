//! The inner loop: a few pixels times a panel of weights.

use pulp::{Simd, WithSimd};

use crate::pack::PackedMatrix;

/// Pixels (rows of a matrix) that share the loads of weights, by vectors a panel. Twelve sums leave
/// room in the sixteen registers of AVX2, and hide the latency of an addition.
const ROWS: [usize; 3] = [0, 12, 6];
/// Weights that leave room for pixels in the first-level cache.
const FEW_BYTES: usize = 12 << 10;

/// Pixels times all panels of a matrix.
pub(crate) struct Task<'a> {
    /// What is multiplied: pixel `p` has `depth` values at `from[p] + tap` for each tap.
    pub(crate) inputs: &'a [f32],
    pub(crate) from: &'a [usize],
    pub(crate) taps: &'a [usize],
    pub(crate) depth: usize,
    pub(crate) weights: &'a PackedMatrix,
    /// One value a column of every panel.
    pub(crate) bias: &'a [f32],
    pub(crate) relu: bool,
    /// What is added, at `places[p]`.
    pub(crate) residual: Option<(&'a [f32], &'a [usize])>,
    /// Where pixel `p` goes: at `to[p]`.
    pub(crate) to: &'a [usize],
    pub(crate) out: &'a mut [f32],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.weights.vectors {
            1 => self.panels::<S, { ROWS[1] }, 1>(simd),
            _ => self.panels::<S, { ROWS[2] }, 2>(simd),
        }
    }
}

impl Task<'_> {
    /// What makes every access below one inside its slice.
    fn check(&self) {
        let last = |places: &[usize]| places.iter().copied().max().unwrap_or(0);
        let columns = self.weights.columns;
        let pixels = self.from.len();
        assert_eq!(self.to.len(), pixels, "a place for each pixel");
        assert!(last(self.from) + last(self.taps) + self.depth <= self.inputs.len(), "pixels are in the input");
        assert!(last(self.to) + columns <= self.out.len(), "pixels are in the output");
        if let Some((values, places)) = self.residual {
            assert_eq!(places.len(), pixels, "a residual for each pixel");
            assert!(last(places) + columns <= values.len(), "pixels are in the residual");
        }
        assert_eq!(self.taps.len() * self.depth, self.weights.depth, "weights for each tap");
    }

    #[inline(always)]
    fn panels<S: Simd, const M: usize, const V: usize>(mut self, simd: S) {
        let pixels = self.from.len();
        assert_eq!(self.weights.width(), V * S::F32_LANES, "weights are packed for these vectors");
        if pixels == 0 {
            return;
        }
        self.check();
        let weights = self.weights;
        let starts = (0..pixels).step_by(M);
        if weights.bytes() <= FEW_BYTES {
            // All panels stay in the first-level cache: a pixel is written once, as a whole.
            for start in starts {
                for (first, panel) in weights.panels() {
                    self.tile::<S, M, V>(simd, start, first, panel);
                }
            }
        } else {
            for (first, panel) in weights.panels() {
                for start in starts.clone() {
                    self.tile::<S, M, V>(simd, start, first, panel);
                }
            }
        }
    }

    /// `M` pixels times one panel, which begins at column `first`.
    #[inline(always)]
    fn tile<S: Simd, const M: usize, const V: usize>(&mut self, simd: S, start: usize, first: usize, panel: &[f32]) {
        let (pixels, width) = (self.from.len(), V * S::F32_LANES);
        let (panel, _) = S::as_simd_f32s(panel);
        assert_eq!(panel.len(), self.weights.depth * V, "a vector for each weight");
        let (bias, _) = S::as_simd_f32s(&self.bias[first..first + width]);
        let columns = width.min(self.weights.columns - first);
        let mut sums = [[simd.splat_f32s(0.0); V]; M];
        for (v, bias) in bias.iter().enumerate().take(V) {
            sums.iter_mut().for_each(|sums| sums[v] = *bias);
        }
        let mut weights = panel.as_ptr();
        let mut rows = [self.inputs.as_ptr(); M];
        for &tap in self.taps {
            for (m, row) in rows.iter_mut().enumerate() {
                // Beyond the last pixel it is computed again, and not stored.
                let pixel = self.from[(start + m).min(pixels - 1)];
                // SAFETY: `check` has seen that pixel + tap + depth is within the inputs.
                *row = unsafe { self.inputs.as_ptr().add(pixel + tap) };
            }
            // SAFETY: each row has `depth` values from its tap on (`check`), and the panel V vectors for each tap
            // and depth (asserted above).
            sums = unsafe { products::<S, M, V>(simd, rows, weights, self.depth, sums) };
            // SAFETY: at most one past the end of the panel, after the last tap.
            weights = unsafe { weights.add(self.depth * V) };
        }
        for (m, sums) in sums.into_iter().enumerate().take(pixels - start) {
            self.store::<S, V>(simd, sums, start + m, first, columns);
        }
    }

    /// Adds the residual, clips, and stores the columns of a panel that there are.
    #[inline(always)]
    fn store<S: Simd, const V: usize>(
        &mut self,
        simd: S,
        mut values: [S::f32s; V],
        pixel: usize,
        first: usize,
        columns: usize,
    ) {
        let to = self.to[pixel] + first;
        let out = &mut self.out[to..to + columns];
        let residual = self.residual.map(
            #[inline(always)]
            |(values, places)| &values[places[pixel] + first..][..columns],
        );
        if columns == V * S::F32_LANES {
            let (out, _) = S::as_mut_simd_f32s(out);
            if let Some(residual) = residual {
                let (residual, _) = S::as_simd_f32s(residual);
                for v in 0..V {
                    values[v] = simd.add_f32s(values[v], residual[v]);
                }
            }
            for v in 0..V {
                out[v] = if self.relu { clipped(simd, values[v]) } else { values[v] };
            }
            return;
        }
        // The last panel has columns that are not there.
        for v in 0..V {
            let from = (v * S::F32_LANES).min(columns);
            let to = (from + S::F32_LANES).min(columns);
            if let Some(residual) = residual {
                values[v] = simd.add_f32s(values[v], simd.partial_load_f32s(&residual[from..to]));
            }
            let value = if self.relu { clipped(simd, values[v]) } else { values[v] };
            simd.partial_store_f32s(&mut out[from..to], value);
        }
    }
}

/// Negative values become zero; what is not a number stays that, so that a model that has diverged
/// is noticed.
#[inline(always)]
fn clipped<S: Simd>(simd: S, values: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    simd.select_f32s(simd.less_than_f32s(values, zero), zero, values)
}

/// Adds the products of one tap. Taking the sums and giving them back keeps them in registers.
///
/// # Safety
/// Each row has `depth` values, and there are `depth · V` vectors of weights.
#[inline(always)]
unsafe fn products<S: Simd, const M: usize, const V: usize>(
    simd: S,
    rows: [*const f32; M],
    weights: *const S::f32s,
    depth: usize,
    mut sums: [[S::f32s; V]; M],
) -> [[S::f32s; V]; M] {
    for i in 0..depth {
        let mut vectors = [simd.splat_f32s(0.0); V];
        for (v, vector) in vectors.iter_mut().enumerate() {
            // SAFETY: i < depth and v < V.
            *vector = unsafe { *weights.add(i * V + v) };
        }
        for m in 0..M {
            // SAFETY: i < depth.
            let value = simd.splat_f32s(unsafe { *rows[m].add(i) });
            for v in 0..V {
                sums[m][v] = simd.mul_add_e_f32s(value, vectors[v], sums[m][v]);
            }
        }
    }
    sums
}
