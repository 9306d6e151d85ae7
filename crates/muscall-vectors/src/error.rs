//! What can go wrong with rows of vectors.

/// Slices that are not whole rows, rows of two models, and values that are not numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// A slice does not hold whole rows.
    #[error("{values} values are not rows of {dim}; pass [rows, dim] with dim at least 1")]
    Shape {
        /// Values in the slice.
        values: usize,
        /// Values a row should have.
        dim: usize,
    },
    /// Two sets of vectors have different dimensions.
    #[error("a vector has {actual} dimensions, expected {expected}; both must come from one model")]
    Dimensions {
        /// Of the set that was there.
        expected: usize,
        /// Of the one that was given.
        actual: usize,
    },
    /// A vector holds something that is not a number.
    #[error("row {row} holds a value that is not finite; the model has diverged or the input was corrupt")]
    NotFinite {
        /// The row, from 0.
        row: usize,
    },
}
