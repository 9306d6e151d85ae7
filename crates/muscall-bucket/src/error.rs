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

/// What servers say of a bucket that isn't there, and of a caller that may not read it, where only the text tells.
const MISSING: [&str; 1] = ["NoSuchBucket"];
const DENIED: [&str; 5] =
    ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "403 Forbidden"];

impl BucketError {
    /// Of what a store said about an address.
    pub(crate) fn of_store(address: &str, error: &object_store::Error) -> Self {
        use object_store::Error;
        let (address, text) = (address.to_owned(), error.to_string());
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        // What follows is a page of XML.
        let reason = text.split(['\n', '<']).next().unwrap_or_default().trim_end_matches([' ', ':']).to_owned();
        match error {
            Error::NotFound { .. } => Self::Missing { address, reason },
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Self::Denied { address, reason },
            _ if says(&MISSING) => Self::Missing { address, reason },
            _ if says(&DENIED) => Self::Denied { address, reason },
            _ => Self::Store { address, reason: text },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_in_a_page_is_understood() {
        let told = |page: &str| {
            let source = format!("Server returned non-2xx status code: {page}").into();
            BucketError::of_store("s3://music/a", &object_store::Error::Generic { store: "S3", source })
        };
        let error = told("404 Not Found: <?xml?>\n<Error><Code>NoSuchBucket</Code></Error>");
        assert!(matches!(&error, BucketError::Missing { .. }) && !error.to_string().contains('<'), "{error}");
        assert!(error.to_string().contains("status code: 404 Not Found)"), "{error}");
        for page in ["403 Forbidden: ", "400 Bad Request: <?xml?>\n<Code>ExpiredToken</Code>"] {
            assert!(matches!(told(page), BucketError::Denied { .. }), "{page}");
        }
        assert!(matches!(told("500 Internal Server Error"), BucketError::Store { .. }));
    }
}
