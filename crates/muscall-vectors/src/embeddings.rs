//! A view of rows that were checked.

use crate::VectorError;

/// A view of rows, `[rows, dim]`, all finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embeddings<'a> {
    values: &'a [f32],
    dim: usize,
}

impl<'a> Embeddings<'a> {
    /// Values as rows, after a look at each of them.
    ///
    /// # Errors
    /// [`VectorError::Shape`] if the values are not whole rows, [`VectorError::NotFinite`] if
    /// one of them is NaN or infinite.
    pub fn new(values: &'a [f32], dim: usize) -> Result<Self, VectorError> {
        if dim == 0 || !values.len().is_multiple_of(dim) {
            let values = values.len();
            return Err(VectorError::Shape { values, dim });
        }
        if let Some(at) = values.iter().position(|x| !x.is_finite()) {
            return Err(VectorError::NotFinite { row: at / dim });
        }
        Ok(Self { values, dim })
    }

    /// Rows that are known to be whole and finite, such as those of a file that was checked when it was written:
    /// as [`new`](Self::new), without a pass over the values.
    pub fn assume_finite(values: &'a [f32], dim: usize) -> Self {
        debug_assert!(dim > 0 && values.len().is_multiple_of(dim), "{} values are not rows of {dim}", values.len());
        Self { values, dim }
    }

    /// All values, row by row.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Length of a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &'a [f32] {
        &self.values[i * self.dim..][..self.dim]
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [f32]> + use<'a> {
        self.values.chunks_exact(self.dim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_row_of_numbers_is_named() {
        assert!(matches!(Embeddings::new(&[1.0; 3], 2), Err(VectorError::Shape { values: 3, dim: 2 })));
        assert!(matches!(Embeddings::new(&[1.0, 1.0, f32::NAN], 1), Err(VectorError::NotFinite { row: 2 })));
    }
}
