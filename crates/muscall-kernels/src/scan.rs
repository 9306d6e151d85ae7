//! Scores of one query against many rows: rows of bytes to look at everything, rows of floats to be exact.

use crate::Level;

/// Largest magnitude that a row's values are quantised to.
const ROW_MAX: f32 = 127.0;
/// Largest magnitude of a byte, whoever wrote it.
const BYTE_MAX: i32 = 128;
/// Additions that the compiler may keep side by side in [`dot`].
const LANES: usize = 32;

/// What quantising a row did to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantised {
    /// Value of one unit: a row is about `scale` times its bytes.
    pub scale: f32,
    /// Norm of the difference between the row and `scale` times its bytes, rounded up.
    pub error: f32,
}

/// Writes a row as bytes.
///
/// # Panics
/// If the lengths differ.
pub fn quantise_row(row: &[f32], codes: &mut [i8]) -> Quantised {
    assert_eq!(row.len(), codes.len(), "a byte for each value");
    let largest = row.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let scale = largest / ROW_MAX;
    let inverse = if scale > 0.0 { scale.recip() } else { 0.0 };
    let mut square = 0.0_f64;
    for (&x, code) in row.iter().zip(codes) {
        *code = (x * inverse).round() as i8;
        square += (f64::from(x) - f64::from(*code) * f64::from(scale)).powi(2);
    }
    Quantised { scale, error: (square.sqrt() * (1.0 + 1e-6)) as f32 }
}

/// A query for rows of bytes, in 16 bits: next to the rows' own error its own is nothing.
#[derive(Debug, Clone)]
pub struct ByteQuery {
    values: Vec<i16>,
    quantised: Quantised,
    norm: f32,
}

impl ByteQuery {
    /// Quantises a query.
    ///
    /// # Panics
    /// If it has more than a million values, whose products might not fit 32 bits.
    pub fn new(query: &[f32]) -> Self {
        assert!(query.len() <= 1 << 20, "at most a million dimensions");
        // So that the sum of all products fits.
        let limit = (i32::MAX / (BYTE_MAX * query.len().max(1) as i32)).min(i32::from(i16::MAX)) as f32;
        let largest = query.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        let scale = largest / limit;
        let inverse = if scale > 0.0 { scale.recip() } else { 0.0 };
        let values: Vec<i16> = query.iter().map(|x| (x * inverse).round().clamp(-limit, limit) as i16).collect();
        let difference = |(&x, &value): (&f32, &i16)| (f64::from(x) - f64::from(value) * f64::from(scale)).powi(2);
        let error = query.iter().zip(&values).map(difference).sum::<f64>().sqrt() * (1.0 + 1e-6);
        let norm = query.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        Self { values, quantised: Quantised { scale, error: error as f32 }, norm: norm as f32 }
    }

    /// Norm of the query.
    pub fn norm(&self) -> f32 {
        self.norm
    }

    /// Value of one unit, and the norm of what quantising took away.
    pub fn quantised(&self) -> Quantised {
        self.quantised
    }

    /// Inner products with rows of bytes, in units of the query's scale times the row's.
    ///
    /// # Shapes
    /// - codes: `[rows, dim]`; products: `[rows]`.
    ///
    /// # Panics
    /// If these do not fit.
    pub fn products(&self, codes: &[i8], products: &mut [i32], level: Level) {
        let dim = self.values.len();
        assert_eq!(codes.len(), products.len() * dim, "codes are [rows, {dim}]");
        let values = self.values.as_slice();
        level.vectorise(
            #[inline(always)]
            || {
                for (row, product) in codes.chunks_exact(dim.max(1)).zip(products) {
                    let mut sum = 0_i32;
                    for (&code, &value) in row.iter().zip(values) {
                        sum += i32::from(code) * i32::from(value);
                    }
                    *product = sum;
                }
            },
        );
    }
}

/// Inner product. The order of additions is fixed: the same rows give the same bits on every machine.
///
/// # Panics
/// If the lengths differ.
pub fn dot(a: &[f32], b: &[f32], level: Level) -> f32 {
    assert_eq!(a.len(), b.len(), "both of one length");
    let mut sums = [0.0_f32; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f32 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
    let lanes = &mut sums;
    level.vectorise(
        #[inline(always)]
        move || {
            for (a, b) in a.zip(b) {
                for lane in 0..LANES {
                    lanes[lane] += a[lane] * b[lane];
                }
            }
        },
    );
    sums.iter().sum::<f32>() + tail
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_bound_holds_and_levels_agree(
            (query, rows) in (1_usize..200).prop_flat_map(|dim| (
                prop::collection::vec(-1.0_f32..1.0, dim),
                prop::collection::vec(prop::collection::vec(-2.0_f32..2.0, dim), 1..5),
            )),
        ) {
            let byte_query = ByteQuery::new(&query);
            for row in &rows {
                let mut codes = vec![0; row.len()];
                let quantised = quantise_row(row, &mut codes);
                let exact: f64 = query.iter().zip(row).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
                let norm = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
                let q = byte_query.quantised();
                let bound = f64::from(byte_query.norm()) * f64::from(quantised.error)
                    + f64::from(q.error) * (norm + f64::from(quantised.error));
                for level in Level::available() {
                    let mut products = [0];
                    byte_query.products(&codes, &mut products, level);
                    let score = f64::from(products[0]) * f64::from(quantised.scale) * f64::from(q.scale);
                    prop_assert!((score - exact).abs() <= bound + 1e-6, "{score} {exact} {bound}");
                    prop_assert_eq!(dot(&query, row, level).to_bits(), dot(&query, row, Level::Portable).to_bits());
                    prop_assert!((f64::from(dot(&query, row, level)) - exact).abs() < 1e-4);
                }
            }
        }
    }

    #[test]
    fn the_largest_products_fit() {
        for dim in [1, 512, 4096, 1 << 16, 1 << 20] {
            for (value, code) in [(1.0, 127), (-1.0, 127), (1.0, -128), (-1.0, -128)] {
                let query = ByteQuery::new(&vec![value; dim]);
                let mut products = [0];
                query.products(&vec![code; dim], &mut products, Level::best());
                let score = products[0] as f32 * query.quantised().scale;
                assert!((score / (value * f32::from(code) * dim as f32) - 1.0).abs() < 1e-3, "{dim} {score}");
            }
        }
    }

    #[test]
    fn zeros_stay_zeros() {
        let mut codes = [1; 3];
        assert_eq!(quantise_row(&[0.0; 3], &mut codes), Quantised { scale: 0.0, error: 0.0 });
        assert_eq!(codes, [0; 3]);
        assert_eq!(ByteQuery::new(&[0.0; 3]).quantised(), Quantised { scale: 0.0, error: 0.0 });
    }
}
