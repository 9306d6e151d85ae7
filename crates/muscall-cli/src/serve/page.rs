//! The page: files that are part of the program.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::serve::shared::Shared;

pub fn routes() -> Router<Arc<Shared>> {
    let file = |kind: &'static str, text: &'static str| {
        get(move || async move {
            // A new build of the program shows its page at once.
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text).into_response()
        })
    };
    let script = |text: &'static str| file("text/javascript; charset=utf-8", text);
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("page/index.html")))
        .route("/results.css", file("text/css; charset=utf-8", include_str!("page/results.css")))
        .route("/style.css", file("text/css; charset=utf-8", include_str!("page/style.css")))
        .route("/app.js", script(include_str!("page/app.js")))
        .route("/keys.js", script(include_str!("page/keys.js")))
        .route("/playlist.js", script(include_str!("page/playlist.js")))
        .route("/player.js", script(include_str!("page/player.js")))
        .route("/query.js", script(include_str!("page/query.js")))
        .route("/results.js", script(include_str!("page/results.js")))
        .route("/strip.js", script(include_str!("page/strip.js")))
        .route("/theme.js", script(include_str!("page/theme.js")))
        .route("/tools.js", script(include_str!("page/tools.js")))
        .route("/icon.svg", file("image/svg+xml", include_str!("page/icon.svg")))
}
