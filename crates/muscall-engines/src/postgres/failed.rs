//! What the server says, with what was being done.

use crate::EngineError;

/// For `map_err`.
pub(super) fn failed(doing: &'static str) -> impl Fn(::postgres::Error) -> EngineError {
    move |source| EngineError::Postgres { doing, source }
}
