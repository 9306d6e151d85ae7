//! An index as a source of rows.

use muscall_retrieval::{Index, RetrievalError};

use crate::{EngineError, Row, Rows};

/// All segments, numbered from 0 in the order of tracks and of time.
impl Rows for Index {
    fn dim(&self) -> usize {
        self.config().dim
    }

    fn fingerprint(&self) -> &str {
        &self.config().fingerprint
    }

    fn each(&self, row: &mut dyn FnMut(Row<'_>) -> Result<(), EngineError>) -> Result<(), EngineError> {
        let source = |error: RetrievalError| EngineError::Source { source: error.into() };
        let mut id = 0;
        for track in self.tracks() {
            let record = self.track(track).map_err(source)?;
            let segments = self.segments(track).map_err(source)?;
            for (&start_s, vector) in segments.starts_s.iter().zip(segments.rows.iter()) {
                row(Row { id, path: &record.path, start_s, vector })?;
                id += 1;
            }
        }
        Ok(())
    }
}
