//! The inner loop: a few pixels times a panel of weights.

use pulp::{Simd, WithSimd};

use crate::output::{Grid, Output, Place};
use crate::pack::PackedMatrix;

/// Sums of a tile in sixteen registers, as AVX2 has them: they leave room for weights, and hide the latency of an
/// addition. A tile of one vector a panel has as many pixels (rows of a matrix), one of two vectors half as many.
const SUMS: usize = 12;
/// Pixels of a tile of two vectors a panel in thirty-two registers, as AVX-512 has them: so weights are loaded half as
/// often.
const MANY_PIXELS: usize = 12;
/// Rounds of the inner loop before weights are needed, and fetched from the second-level cache or beyond.
const AHEAD: usize = 40;
/// Bytes that are fetched together.
const LINE: usize = 64;
/// Weights that leave room for pixels in the first-level cache.
const FEW_BYTES: usize = 12 << 10;

/// Pixels times all panels of a matrix.
pub(crate) struct Task<'a> {
    pub(crate) pixels: usize,
    /// Pixels of a row, the last of which may be cut short.
    pub(crate) width: usize,
    /// What is multiplied: a pixel has `depth` values at its place in `from`, plus each of `taps`.
    pub(crate) inputs: &'a [f32],
    pub(crate) from: Grid,
    pub(crate) taps: &'a [usize],
    pub(crate) depth: usize,
    pub(crate) weights: &'a PackedMatrix,
    pub(crate) output: Output<'a>,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.weights.vectors {
            1 => self.panels::<S, SUMS, 1>(simd),
            _ if S::REGISTER_COUNT >= 32 => self.panels::<S, MANY_PIXELS, 2>(simd),
            _ => self.panels::<S, { SUMS / 2 }, 2>(simd),
        }
    }
}

impl Task<'_> {
    /// What makes every read of the inputs below one inside them.
    fn check(&self) {
        let bottom_right = [(self.pixels - 1) / self.width, self.width.min(self.pixels) - 1];
        let tap = self.taps.iter().copied().max().unwrap_or(0);
        let end = self.from.place(bottom_right) + tap + self.depth;
        assert!(end <= self.inputs.len(), "pixels are in the input");
        assert_eq!(self.taps.len() * self.depth, self.weights.depth, "weights for each tap");
    }

    #[inline(always)]
    fn panels<S: Simd, const M: usize, const V: usize>(mut self, simd: S) {
        let pixels = self.pixels;
        assert_eq!(self.weights.width(), V * S::F32_LANES, "weights are packed for these vectors");
        if pixels == 0 {
            return;
        }
        self.check();
        let weights = self.weights;
        let starts = (0..pixels).step_by(M);
        if weights.bytes() <= FEW_BYTES || weights.columns <= weights.width() {
            // All panels stay in the first-level cache: a pixel is written once, as a whole.
            for start in starts {
                let places = self.places::<M>(start);
                for (first, panel) in weights.panels() {
                    self.some_pixels::<S, M, V>(simd, &places, first, panel);
                }
            }
            return;
        }
        let places: Vec<Places<M>> = starts.map(|start| self.places(start)).collect();
        for (first, panel) in weights.panels() {
            for places in &places {
                self.some_pixels::<S, M, V>(simd, places, first, panel);
            }
        }
    }

    /// Up to `M` pixels times one panel: a smaller tile where fewer are left.
    #[inline(always)]
    fn some_pixels<S: Simd, const M: usize, const V: usize>(
        &mut self,
        simd: S,
        places: &Places<M>,
        first: usize,
        panel: &[f32],
    ) {
        if M * V > SUMS && places.count <= 4 {
            self.tile::<S, 4, V>(simd, &places.first_ones(), first, panel);
        } else if M * V > SUMS && places.count <= 8 {
            self.tile::<S, 8, V>(simd, &places.first_ones(), first, panel);
        } else {
            self.tile::<S, M, V>(simd, places, first, panel);
        }
    }

    /// `M` pixels times one panel, which begins at column `first`.
    #[inline(always)]
    fn tile<S: Simd, const M: usize, const V: usize>(
        &mut self,
        simd: S,
        places: &Places<M>,
        first: usize,
        panel: &[f32],
    ) {
        let width = V * S::F32_LANES;
        let (panel, _) = S::as_simd_f32s(panel);
        assert_eq!(panel.len(), self.weights.depth * V, "a vector for each weight");
        let columns = width.min(self.weights.columns - first);
        let mut sums = [[simd.splat_f32s(0.0); V]; M];
        let (bias, _) = S::as_simd_f32s(&self.output.bias[first..first + width]);
        for (v, bias) in bias.iter().enumerate().take(V) {
            sums.iter_mut().for_each(|sums| sums[v] = *bias);
        }
        let depth = self.depth;
        for (&tap, weights) in self.taps.iter().zip(panel.chunks_exact(depth * V)) {
            let mut rows = [self.inputs.as_ptr(); M];
            for (row, place) in rows.iter_mut().zip(places.from) {
                // SAFETY: `check` has seen that each pixel, with each tap and the depth, is within the inputs.
                *row = unsafe { row.add(place + tap) };
            }
            // SAFETY: the same; the panel was cut to V vectors for each weight of a tap.
            sums = unsafe { products::<S, M, V>(simd, rows, weights.as_ptr(), depth, sums) };
        }
        for (m, sums) in sums.into_iter().enumerate().take(places.count) {
            self.output.put::<S, V>(simd, sums, places.to[m], [first, columns]);
        }
    }

    #[inline(always)]
    fn places<const M: usize>(&self, start: usize) -> Places<M> {
        let [mut y, mut x] = [start / self.width, start % self.width];
        let count = M.min(self.pixels - start);
        let mut places = Places { count, from: [0; M], to: [Place::default(); M] };
        for m in 0..M {
            places.from[m] = self.from.place([y, x]);
            places.to[m] = self.output.place([y, x]);
            if m + 1 < count {
                x += 1;
                if x == self.width {
                    [y, x] = [y + 1, 0];
                }
            }
        }
        places
    }
}

/// Where the pixels of a tile are. Beyond its last one, that one is there again: it is computed once more, and not
/// stored.
#[derive(Clone, Copy)]
struct Places<const M: usize> {
    count: usize,
    from: [usize; M],
    to: [Place; M],
}

impl<const M: usize> Places<M> {
    /// As many of them as are there, for a smaller tile.
    fn first_ones<const FEWER: usize>(&self) -> Places<FEWER> {
        let mut fewer = Places { count: self.count, from: [0; FEWER], to: [Place::default(); FEWER] };
        for m in 0..FEWER.min(M) {
            (fewer.from[m], fewer.to[m]) = (self.from[m], self.to[m]);
        }
        fewer
    }
}

/// Adds the products of one tap. Taking the sums and giving them back keeps them in registers.
///
/// # Safety
/// Each row has `depth` values, and there are `depth · V` vectors of weights.
#[inline(always)]
pub(crate) unsafe fn products<S: Simd, const M: usize, const V: usize>(
    simd: S,
    rows: [*const f32; M],
    weights: *const S::f32s,
    depth: usize,
    mut sums: [[S::f32s; V]; M],
) -> [[S::f32s; V]; M] {
    // From the rows' ends, so that one register counts and addresses: that leaves one for each of twelve rows.
    let ends = rows.map(|row| row.wrapping_add(depth));
    let mut weights = weights;
    let mut left = -(depth as isize);
    while left != 0 {
        let mut vectors = [simd.splat_f32s(0.0); V];
        for (v, vector) in vectors.iter_mut().enumerate() {
            // SAFETY: there are V vectors for each of `depth` rounds.
            *vector = unsafe { *weights.add(v) };
            if v * size_of::<S::f32s>() % LINE == 0 {
                prefetch(weights.wrapping_add(AHEAD * V + v));
            }
        }
        for m in 0..M {
            // SAFETY: `left` is from -depth to -1, so this is within the row.
            let value = simd.splat_f32s(unsafe { *ends[m].wrapping_offset(left) });
            for v in 0..V {
                sums[m][v] = simd.mul_add_e_f32s(value, vectors[v], sums[m][v]);
            }
        }
        weights = weights.wrapping_add(V);
        left += 1;
    }
    sums
}

/// Has a cache line fetched that will be needed.
#[inline(always)]
fn prefetch<T>(place: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has the instruction, and it reads nothing.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
