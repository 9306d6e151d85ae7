//! What can go wrong on the way to another engine.

use std::error::Error;

use muscall_files::FileError;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A source gives no rows.
    #[error("there are no rows to write; index some music first")]
    Empty,
    /// A source says that its vectors have no dimensions.
    #[error("the vectors have no dimensions; pass rows of at least one value")]
    NoDimensions,
    /// A source does not name its model.
    #[error("the rows do not name their model; a fingerprint must be a non-empty text without NUL")]
    NoFingerprint,
    /// A vector has another length than the source says.
    #[error("row {row} has {actual} dimensions, expected {expected}; all rows must come from one model")]
    Dimensions {
        /// The row, from 0.
        row: u64,
        /// Of the source.
        expected: usize,
        /// Of the row.
        actual: usize,
    },
    /// A row holds something that is not a number.
    #[error("row {row}: `{column}` is not finite; the model has diverged or the input was corrupt")]
    NotFinite {
        /// The row, from 0.
        row: u64,
        /// `start_s` or `vector`.
        column: &'static str,
    },
    /// A query does not fit the vectors.
    #[error("the query has {actual} dimensions, expected {expected}; both must come from one model")]
    Query {
        /// Of the vectors.
        expected: usize,
        /// Of the query.
        actual: usize,
    },
    /// A query holds something that is not a number.
    #[error("the query holds a value that is not finite; the model has diverged or the input was corrupt")]
    QueryNotFinite,
    /// Two rows have one id.
    #[error("two rows of `{place}` have the same id{}; renumber them", id.map(|id| format!(" ({id})")).unwrap_or_default())]
    DuplicateId {
        /// Where they were to go.
        place: String,
        /// The id, where the engine tells it.
        id: Option<u64>,
    },
    /// A value is more than the engine takes.
    #[error("{what} is {value}, but {engine} accepts {least} to {most}")]
    Limit {
        /// `ef`, `m`, `dim`…
        what: &'static str,
        /// Given.
        value: u64,
        /// Whose limit.
        engine: &'static str,
        /// Smallest allowed.
        least: u64,
        /// Largest allowed.
        most: u64,
    },
    /// A name cannot be that of a table or a collection.
    #[error("`{name}` is not a valid name; use 1 to {most} characters of a-z, 0-9 and _, starting with a letter")]
    Name {
        /// Given.
        name: String,
        /// Longest allowed.
        most: usize,
    },
    /// Rows cannot be taken from their source.
    #[error("the rows cannot be read: {source}")]
    Source {
        /// What the source of the rows says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] FileError),
    /// A file or a table is not laid out as ours are.
    #[error("{place}: {what}; it was damaged or not made by muscall")]
    Layout {
        /// The file, the table or the collection.
        place: String,
        /// What does not fit.
        what: String,
    },
    /// There is no such table or collection.
    #[error("there is no `{place}`; push an index to it first")]
    Missing {
        /// The table or the collection.
        place: String,
    },
    /// Something of that name is there and was not made by us, or under another name.
    #[error(
        "`{place}` was not made by muscall, or was made under another name; it is left as it is: choose another name"
    )]
    Foreign {
        /// The table or the collection.
        place: String,
    },
    /// Views or the like depend on a table of another dimension.
    #[error(
        "`{place}` holds vectors of {expected} dimensions, and the new ones have {found}. Views or other objects depend on the \
         table, so that it cannot be replaced: drop them first, or choose another name"
    )]
    Depended {
        /// The table.
        place: String,
        /// Its dimension.
        expected: usize,
        /// That of the rows.
        found: usize,
    },
    /// The vectors come from another model.
    #[error(
        "{place}: made with the model {found}, not with {expected}{}; vectors of two models cannot be compared: push the index again",
        muscall_retrieval::Fingerprint::difference(found, expected)
    )]
    Fingerprint {
        /// The file, the table or the collection.
        place: String,
        /// There.
        found: String,
        /// Of the model at hand.
        expected: String,
    },
    /// A Parquet file cannot be read or written.
    #[cfg(feature = "parquet")]
    #[error("{path}: {source}")]
    Parquet {
        /// The Parquet file.
        path: std::path::PathBuf,
        /// What the Parquet library says.
        source: ::parquet::errors::ParquetError,
    },
    /// Postgres refuses.
    #[cfg(feature = "postgres")]
    #[error("Postgres, {doing}: {}", reason(source))]
    Postgres {
        /// What was going on.
        doing: &'static str,
        /// Why not.
        source: ::postgres::Error,
    },
    /// Qdrant refuses.
    #[cfg(feature = "qdrant")]
    #[error("Qdrant, {doing}: {source}")]
    Qdrant {
        /// What was going on.
        doing: &'static str,
        /// Why not.
        source: Box<qdrant_client::QdrantError>,
    },
}

/// What the server says, which the error itself keeps to its causes.
#[cfg(feature = "postgres")]
fn reason(error: &::postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(answer), _) => answer.to_string(),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}
