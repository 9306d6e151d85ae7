//! Why a model does not come from the hub.

use std::path::PathBuf;

use muscall_files::FileError;

/// Errors of the hub and its cache.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// No answer, several times.
    #[error(
        "{url}: {reason}, {tries} times; check the network (a proxy is taken from HTTPS_PROXY, a mirror from HF_ENDPOINT) and try again: what has come is kept and not fetched again; or copy the model's folder here and give its path"
    )]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What happened the last time.
        reason: String,
        /// How often in a row.
        tries: u32,
    },
    /// The model is not there.
    #[error("{url}: there is no model `{name}`; check its name on the hub, or give the path of a folder that exists")]
    NoModel {
        /// What was asked for.
        url: String,
        /// The model.
        name: String,
    },
    /// The server wants to know who asks.
    #[error(
        "{url}: the server answers {status}: the model `{name}` needs a token, or does not exist; check its name, accept its terms on its page, and set HF_TOKEN to a token that may read it"
    )]
    NeedsToken {
        /// What was asked for.
        url: String,
        /// The model.
        name: String,
        /// 401 or 403.
        status: u16,
    },
    /// The model has no such file.
    #[error("{url}: the model `{name}` has no {file}; expected {expected}")]
    NoFile {
        /// What was asked for.
        url: String,
        /// The model.
        name: String,
        /// The file that is missing.
        file: String,
        /// What a model must have.
        expected: &'static str,
    },
    /// Another answer than the hub's.
    #[error("{url}: found {found}; expected {expected}; if HF_ENDPOINT is set, check that it is a mirror of the hub")]
    Answer {
        /// What was asked for.
        url: String,
        /// What came.
        found: String,
        /// What the hub gives.
        expected: &'static str,
    },
    /// A file came that is not the one the hub has.
    #[error(
        "{url}: what came has the SHA-256 {found}; the hub says {expected}; {path} was removed: try again, and if it happens twice, a proxy or mirror in between changes files"
    )]
    Checksum {
        /// What was asked for.
        url: String,
        /// The file that was removed.
        path: PathBuf,
        /// The hash of what came.
        found: String,
        /// The hash that the hub told.
        expected: String,
    },
    /// Nobody says where the cache is.
    #[error("there is no home folder for the hub's cache; set HF_HOME to a folder for it")]
    NoCache,
    /// A file of the cache cannot be read or written.
    #[error(transparent)]
    Io(#[from] FileError),
}
