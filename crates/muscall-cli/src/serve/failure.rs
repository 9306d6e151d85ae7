//! Errors as JSON with a status.

use std::fmt::Display;

use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use muscall::library::LibraryError;
use serde::Serialize;

/// Why there is no answer.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    message: String,
}

impl Failure {
    pub fn new(status: StatusCode, message: impl Display) -> Self {
        Self { status, message: message.to_string() }
    }

    pub fn bad(message: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// A mistake of ours or of the disk: told in full to whoever runs the server only.
    pub fn internal(error: impl Display) -> Self {
        eprintln!("error: {error}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its console says why")
    }
}

impl From<LibraryError> for Failure {
    fn from(error: LibraryError) -> Self {
        match error {
            LibraryError::UnknownTrack { .. } => Self::new(StatusCode::NOT_FOUND, error),
            LibraryError::Model(_) | LibraryError::Audio(_) => Self::internal(error),
            LibraryError::Retrieval(error) if is_of_request(&error) => Self::bad(error),
            LibraryError::Retrieval(error) => Self::internal(error),
            error => Self::bad(error),
        }
    }
}

/// Whether it is the terms that make no sense, and not the index.
fn is_of_request(error: &muscall::retrieval::RetrievalError) -> bool {
    use muscall::retrieval::RetrievalError::{Cancelled, NoDirection};
    matches!(error, Cancelled { .. } | NoDirection { .. })
}

macro_rules! from_rejection {
    ($($rejection:ty),*) => {$(
        impl From<$rejection> for Failure {
            fn from(rejection: $rejection) -> Self {
                Self::new(rejection.status(), rejection.body_text())
            }
        }
    )*};
}
from_rejection!(BytesRejection, PathRejection, QueryRejection);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            error: String,
        }
        (self.status, Json(Body { error: self.message })).into_response()
    }
}

/// A body in JSON.
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
                (headers, body).into_response()
            }
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}

pub async fn not_found() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, "there is nothing here")
}

pub async fn wrong_method() -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "this address takes another method")
}
