//! Where rows come from, and the checks that every one of them passes.

use crate::EngineError;

/// One segment of a track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row<'a> {
    /// Its number, unlike any other's.
    pub id: u64,
    /// The track's file.
    pub path: &'a str,
    /// Where it begins in the track, seconds.
    pub start_s: f32,
    /// `[dim]`, unit norm.
    pub vector: &'a [f32],
}

/// A source of rows: an index, a file, a `Vec` of a test.
pub trait Rows {
    /// Dimensions of every vector.
    fn dim(&self) -> usize;

    /// The fingerprint of the model that made the vectors: a name of its space, perhaps a former one.
    fn fingerprint(&self) -> &str;

    /// Hands the rows over, one after the other.
    ///
    /// # Errors
    /// Those of `row`, which end the walk, and [`EngineError::Source`] if the rows cannot be read.
    fn each(&self, row: &mut dyn FnMut(Row<'_>) -> Result<(), EngineError>) -> Result<(), EngineError>;
}

/// Whether a source can be written at all, before anything is.
pub(crate) fn check(rows: &dyn Rows) -> Result<(), EngineError> {
    if rows.dim() == 0 {
        return Err(EngineError::NoDimensions);
    }
    if rows.fingerprint().is_empty() || rows.fingerprint().contains('\0') {
        return Err(EngineError::NoFingerprint);
    }
    Ok(())
}

/// Walks through the rows, checks each, and gives their number.
pub(crate) fn each(
    rows: &dyn Rows,
    take: &mut dyn FnMut(Row<'_>) -> Result<(), EngineError>,
) -> Result<u64, EngineError> {
    let expected = rows.dim();
    let mut row = 0;
    rows.each(&mut |given| {
        let actual = given.vector.len();
        if actual != expected {
            return Err(EngineError::Dimensions { row, expected, actual });
        }
        if !given.start_s.is_finite() {
            return Err(EngineError::NotFinite { row, column: "start_s" });
        }
        if !given.vector.iter().all(|x| x.is_finite()) {
            return Err(EngineError::NotFinite { row, column: "vector" });
        }
        row += 1;
        take(given)
    })?;
    if row == 0 { Err(EngineError::Empty) } else { Ok(row) }
}
