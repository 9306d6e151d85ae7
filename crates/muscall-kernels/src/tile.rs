//! The inner loop: a few pixels times a panel of weights.

use pulp::Simd;

/// Pixels (rows of a matrix) that share the loads of weights. Six times two vectors are twelve sums,
/// which leaves room in the sixteen registers of AVX2.
pub(crate) const ROWS: usize = 6;

/// Where the inputs of a tile are: row `m` has `depth` values at `rows[m] + tap` for each tap.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) taps: &'a [usize],
    pub(crate) depth: usize,
}

/// Sums over taps and depth, `[ROWS, V]` vectors.
#[inline(always)]
pub(crate) fn sums<S: Simd, const V: usize>(
    simd: S,
    inputs: Inputs<'_>,
    rows: &[usize; ROWS],
    panel: &[S::f32s],
) -> [[S::f32s; V]; ROWS] {
    let mut sums = [[simd.splat_f32s(0.0); V]; ROWS];
    let depth = inputs.depth;
    assert_eq!(panel.len(), inputs.taps.len() * depth * V, "a vector of weights for each input");
    for (i, tap) in inputs.taps.iter().enumerate() {
        let panel = &panel[i * depth * V..][..depth * V];
        sums = add::<S, V>(simd, rows.map(|row| &inputs.data[row + tap..][..depth]), panel, depth, sums);
    }
    sums
}

/// Adds the products of one tap. Taking the sums and giving them back keeps them in registers.
#[inline(always)]
fn add<S: Simd, const V: usize>(
    simd: S,
    rows: [&[f32]; ROWS],
    panel: &[S::f32s],
    depth: usize,
    mut sums: [[S::f32s; V]; ROWS],
) -> [[S::f32s; V]; ROWS] {
    // One check a tap, so that the loop needs none.
    assert!(panel.len() == depth * V && rows.iter().all(|row| row.len() == depth));
    let rows = rows.map(<[f32]>::as_ptr);
    let panel = panel.as_ptr();
    for i in 0..depth {
        let mut weights = [simd.splat_f32s(0.0); V];
        for v in 0..V {
            // SAFETY: i < depth and v < V, so i·V + v < depth·V, which is the panel's length.
            weights[v] = unsafe { *panel.add(i * V + v) };
        }
        for m in 0..ROWS {
            // SAFETY: i < depth, which is every row's length.
            let value = simd.splat_f32s(unsafe { *rows[m].add(i) });
            for v in 0..V {
                sums[m][v] = simd.mul_add_e_f32s(value, weights[v], sums[m][v]);
            }
        }
    }
    sums
}

/// What happens to a row of sums before it is stored.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a> {
    /// One value a column of the panel.
    pub(crate) bias: &'a [f32],
    pub(crate) relu: bool,
}

/// Adds bias and residual, clips, and stores as many columns as `out` has.
#[inline(always)]
pub(crate) fn store<S: Simd, const V: usize>(
    simd: S,
    sums: &[S::f32s; V],
    finish: Finish<'_>,
    residual: Option<&[f32]>,
    out: &mut [f32],
) {
    let zero = simd.splat_f32s(0.0);
    let (bias, _) = S::as_simd_f32s(finish.bias);
    let mut values = *sums;
    for v in 0..V {
        values[v] = simd.add_f32s(values[v], bias[v]);
    }
    if out.len() == V * S::F32_LANES {
        let (out, _) = S::as_mut_simd_f32s(out);
        if let Some(residual) = residual {
            let (residual, _) = S::as_simd_f32s(residual);
            for v in 0..V {
                values[v] = simd.add_f32s(values[v], residual[v]);
            }
        }
        for v in 0..V {
            out[v] = if finish.relu { simd.max_f32s(values[v], zero) } else { values[v] };
        }
        return;
    }
    // The last panel has columns that are not there.
    for v in 0..V {
        let from = (v * S::F32_LANES).min(out.len());
        let to = (from + S::F32_LANES).min(out.len());
        if let Some(residual) = residual {
            values[v] = simd.add_f32s(values[v], simd.partial_load_f32s(&residual[from..to]));
        }
        let value = if finish.relu { simd.max_f32s(values[v], zero) } else { values[v] };
        simd.partial_store_f32s(&mut out[from..to], value);
    }
}
