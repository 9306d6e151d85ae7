//! How far numbers are from what is right.

/// The norm of the difference, relative to that of what is right.
pub(super) fn difference(found: &[f32], right: &[f32]) -> f64 {
    if found.len() != right.len() {
        return f64::INFINITY;
    }
    let square = |x: f64| x * x;
    let apart: f64 = found.iter().zip(right).map(|(&a, &b)| square(f64::from(a) - f64::from(b))).sum();
    let norm: f64 = right.iter().map(|&x| square(f64::from(x))).sum();
    if apart == 0.0 { 0.0 } else { (apart / norm).sqrt() }
}

pub(super) fn relative(found: f64, right: f64) -> f64 {
    if found == right { 0.0 } else { (found - right).abs() / right.abs() }
}

/// The largest 1 − cosine of two rows.
pub(super) fn cosine_distance(found: &[f32], right: &[f32], dim: usize) -> f64 {
    if found.len() != right.len() {
        return f64::INFINITY;
    }
    let distance = |(a, b): (&[f32], &[f32])| {
        // Of vectors of unit norm; by the difference, since 1 − cosine itself would be rounding.
        let apart: f64 = a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
        0.5 * apart
    };
    // `f64::max` would hide what is not a number.
    let rows = found.chunks_exact(dim).zip(right.chunks_exact(dim)).map(distance);
    rows.fold(0.0_f64, |worst, row| if row <= worst || worst.is_nan() { worst } else { row })
}
