//! The API: searching, tracks, words.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use muscall::library::{Request, Response, Stretch, Term};
use muscall::retrieval::{Playlist, PlaylistFormat};
use serde::{Deserialize, Serialize};

use crate::playlist_entry::playlist_entry;
use crate::serve::answers::{Answers, Expected, Found, Track};
use crate::serve::failure::{Failure, Json};
use crate::serve::shared::Shared;

/// Each answer comes with a strip, so that a thousand would be some megabytes.
const MAX_TOP: usize = 100;

pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/openapi.json", get(openapi))
        .route("/api/health", get(health))
        .route("/api/words", get(words))
        .route("/api/search", post(search))
        .route("/api/playlist", post(playlist))
        .route("/api/similar/{track}", get(similar))
        .route("/api/track/{track}", get(track))
}

/// The description of all addresses, for programs; docs/API.md is for people.
async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], include_str!("openapi.json"))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    tracks: usize,
    segments: usize,
    model: String,
}

async fn health(State(shared): State<Arc<Shared>>) -> Result<Json<Health>, Failure> {
    let health = shared.with_library(|library| {
        let (index, model) = (library.index(), library.fingerprint().to_string());
        Ok(Health { status: "ok", tracks: index.len(), segments: index.segments_len(), model })
    });
    Ok(Json(health.await?))
}

#[derive(Deserialize)]
struct Line {
    q: String,
}

/// A line of words as a request, so that there is one grammar for page and command line.
async fn words(line: Result<Query<Line>, QueryRejection>) -> Result<Json<Request>, Failure> {
    let request = Request::parse_words(&line?.q)?;
    refuse_files(&request)?;
    Ok(Json(request))
}

/// The request of a body.
fn request(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Request, Failure> {
    // A page elsewhere may post forms and text to us without asking, but not JSON.
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the request as application/json"));
    }
    let request: Request = serde_json::from_slice(&body?).map_err(Failure::bad)?;
    refuse_files(&request)?;
    check_top(request.top)?;
    Ok(request)
}

async fn search(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Answers>, Failure> {
    let request = request(&headers, body)?;
    let answers = shared.with_library(move |library| {
        let start = Instant::now();
        let Response { query, answers, verdict } = library.answer(&request)?;
        Ok(Answers { answers: Found::all(library, &query, answers)?, verdict, took_ms: milliseconds(start) })
    });
    Ok(Json(answers.await?))
}

#[derive(Deserialize)]
struct Form {
    format: Option<String>,
    title: Option<String>,
}

/// The best moments of what is found as a file for players.
async fn playlist(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    form: Result<Query<Form>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Failure> {
    let Query(Form { format, title }) = form?;
    let format = format.as_deref().unwrap_or("m3u8");
    let Some(format) = PlaylistFormat::from_extension(format) else {
        return Err(Failure::bad(format!("`format` is {format:?}; it must be m3u8, xspf or json")));
    };
    let kind = match format {
        PlaylistFormat::M3u8 => "audio/x-mpegurl; charset=utf-8",
        PlaylistFormat::Xspf => "application/xspf+xml",
        PlaylistFormat::Json => "application/json",
    };
    let request = request(&headers, body)?;
    let file = shared.with_library(move |library| {
        let mut entries = Vec::new();
        for answer in library.answer(&request)?.answers {
            entries.push(playlist_entry(&library.track(answer.track)?, &answer, false));
        }
        let mut file = Vec::new();
        Playlist { title: title.unwrap_or_default(), entries }.write(&mut file, format).map_err(Failure::bad)?;
        Ok(file)
    });
    let disposition = format!("attachment; filename=\"playlist.{}\"", format.extension());
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)], file.await?))
}

#[derive(Deserialize)]
struct Like {
    content: Option<String>,
    start_s: Option<f64>,
    end_s: Option<f64>,
    top: Option<usize>,
}

async fn similar(
    State(shared): State<Arc<Shared>>,
    track: Result<Path<usize>, PathRejection>,
    like: Result<Query<Like>, QueryRejection>,
) -> Result<Json<Answers>, Failure> {
    let (Path(track), Query(Like { content, start_s, end_s, top })) = (track?, like?);
    let expected = Expected { content };
    let (stretch, top) = (Stretch { start_s, end_s }, top.unwrap_or(10));
    check_top(top)?;
    let answers = shared.with_library(move |library| {
        expected.check(&library.track(track)?)?;
        let start = Instant::now();
        let query = library.query_vector(&Request::new([Term::track(track, stretch)]))?;
        let answers = Found::all(library, &query, library.similar(track, stretch, top)?)?;
        Ok(Answers { answers, verdict: None, took_ms: milliseconds(start) })
    });
    Ok(Json(answers.await?))
}

async fn track(
    State(shared): State<Arc<Shared>>,
    track: Result<Path<usize>, PathRejection>,
    expected: Result<Query<Expected>, QueryRejection>,
) -> Result<Json<Track>, Failure> {
    let (Path(track), Query(expected)) = (track?, expected?);
    let track = shared.with_library(move |library| {
        let record = library.track(track)?;
        expected.check(&record)?;
        Ok(Track::new(track, record))
    });
    Ok(Json(track.await?))
}

/// What files there are is nothing that a page may find out; only indexed ones are ever read.
fn refuse_files(request: &Request) -> Result<(), Failure> {
    if request.reads_files() {
        let message = "files are read for the command line only; index the file and name its track";
        return Err(Failure::new(StatusCode::FORBIDDEN, message));
    }
    Ok(())
}

fn check_top(top: usize) -> Result<(), Failure> {
    match top {
        1..=MAX_TOP => Ok(()),
        _ => Err(Failure::bad(format!("`top` is {top}; it must be from 1 to {MAX_TOP}"))),
    }
}

fn milliseconds(start: Instant) -> f64 {
    (start.elapsed().as_secs_f64() * 1e4).round() / 10.0
}
