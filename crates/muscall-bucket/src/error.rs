//! What can go wrong with a bucket.

/// Errors of this crate: each names the address and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BucketError {
    /// Not the address of a bucket.
    #[error("`{found}` is not the address of a bucket: expected s3://bucket or s3://bucket/prefix")]
    Address {
        /// What was given.
        found: String,
    },
    /// There is no such object or bucket.
    #[error(
        "{address}: nothing is there; check the address, and AWS_REGION and AWS_ENDPOINT, which say where it is looked for ({reason})"
    )]
    Missing {
        /// Where.
        address: String,
        /// What the store says.
        reason: String,
    },
    /// The store knows the caller, or doesn't, and refuses.
    #[error(
        "{address}: access is denied; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and that they may list and \
         read the bucket, or set AWS_SKIP_SIGNATURE=true if it is public ({reason})"
    )]
    Denied {
        /// Where.
        address: String,
        /// What the store says.
        reason: String,
    },
    /// A bucket cannot be read.
    #[error(
        "{address}: {reason}; check the address, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT"
    )]
    Store {
        /// Where.
        address: String,
        /// What the store says.
        reason: String,
    },
}

impl BucketError {
    /// Of what a store said about an address.
    pub(crate) fn of_store(address: &str, error: &object_store::Error) -> Self {
        use object_store::Error;
        let (address, reason) = (address.to_owned(), error.to_string());
        match error {
            Error::NotFound { .. } => Self::Missing { address, reason },
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Self::Denied { address, reason },
            _ => Self::Store { address, reason },
        }
    }
}
