//! Who may ask, and what browsers may do with the answers.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::serve::failure::Failure;
use crate::serve::shared::Shared;

const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Refuses names that this page is not known by, and sets headers on all answers.
///
/// A page elsewhere can let its own name point to 127.0.0.1 and would then be of the same origin
/// (DNS rebinding). The name that the browser was asked for stays in `Host`.
pub async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut response = match &shared.hosts {
        Some(hosts) if !names_one_of(hosts, request.headers()) => {
            let message = "open this page as http://localhost or http://127.0.0.1; for another name, as behind a proxy, \
                           start the server with --public-host NAME";
            Failure::new(StatusCode::FORBIDDEN, message).into_response()
        }
        _ => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn names_one_of(known: &[String], headers: &HeaderMap) -> bool {
    // Two hosts are as good as none: proxies may pick another one than we do.
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    known.iter().any(|known| name.eq_ignore_ascii_case(known))
}
