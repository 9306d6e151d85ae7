//! The files themselves, by the number of their track.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::UNIX_EPOCH;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path as Parameter, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use muscall::audio::Part as PartOfFile;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::serve::answers::Expected;
use crate::serve::failure::Failure;
use crate::serve::range::Part;
use crate::serve::shared::Shared;
use crate::serve::wav;

pub fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/audio/{track}", get(audio))
}

/// A file that is there, or what a browser plays in its place.
struct Source {
    path: PathBuf,
    kind: &'static str,
    tag: String,
    length: u64,
    decoded: Option<Bytes>,
}

async fn audio(
    State(shared): State<Arc<Shared>>,
    track: Result<Parameter<usize>, PathRejection>,
    expected: Result<Query<Expected>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let (Parameter(track), Query(expected)) = (track?, expected?);
    let holder = shared.clone();
    let source = shared.with_library(move |library| {
        let record = library.track(track)?;
        expected.check(&record)?;
        source(PathBuf::from(PartOfFile::split_name(&record.path).0), &holder)
    });
    respond(source.await?, &headers).await
}

fn source(path: PathBuf, shared: &Shared) -> Result<Source, Failure> {
    let gone = || Failure::new(StatusCode::NOT_FOUND, "the file of this track is not there any more");
    let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file).ok_or_else(gone)?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let tag = format!("\"{:x}-{:x}\"", metadata.len(), modified.map_or(0, |time| time.as_nanos()));
    if let Some(kind) = kind(&path).filter(|kind| !wav::is_needed(&path, kind)) {
        return Ok(Source { path, kind, tag, length: metadata.len(), decoded: None });
    }
    let identity = format!("{} {tag}", path.display());
    // Held while decoding: the ranges of one player must not decode the file several times at once.
    let mut last = shared.decoded.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = match &*last {
        Some((known, bytes)) if *known == identity => bytes.clone(),
        _ => {
            let refuse = |error| Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error);
            let bytes = wav::decode_to_wav(&path).map_err(refuse)?;
            *last = Some((identity, bytes.clone()));
            bytes
        }
    };
    Ok(Source { path, kind: "audio/wav", tag, length: bytes.len() as u64, decoded: Some(bytes) })
}

async fn respond(source: Source, request: &HeaderMap) -> Result<Response, Failure> {
    let Source { kind, ref tag, length, .. } = source;
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, HeaderValue::from_str(tag).map_err(Failure::internal)?);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let known = request.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    if known.is_some_and(|tags| tags == "*" || tags.split(',').any(|known| known.trim() == tag)) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let (status, bytes) = match Part::of(request, length, tag) {
        Part::Whole => (StatusCode::OK, 0..length),
        Part::Bytes(bytes) => (StatusCode::PARTIAL_CONTENT, bytes),
        Part::OutOfRange => {
            headers.insert(header::CONTENT_RANGE, format!("bytes */{length}").try_into().map_err(Failure::internal)?);
            let failure = Failure::new(StatusCode::RANGE_NOT_SATISFIABLE, "these bytes are behind the end");
            return Ok((headers, failure).into_response());
        }
    };
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{length}", bytes.start, bytes.end - 1);
        headers.insert(header::CONTENT_RANGE, range.try_into().map_err(Failure::internal)?);
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_LENGTH, (bytes.end - bytes.start).into());
    Ok((status, headers, body(source, bytes).await?).into_response())
}

async fn body(source: Source, bytes: Range<u64>) -> Result<Body, Failure> {
    if let Some(decoded) = source.decoded {
        return Ok(decoded.slice(bytes.start as usize..bytes.end as usize).into());
    }
    let gone = |error| Failure::new(StatusCode::NOT_FOUND, format!("the file cannot be read: {error}"));
    let mut file = tokio::fs::File::open(&source.path).await.map_err(gone)?;
    file.seek(std::io::SeekFrom::Start(bytes.start)).await.map_err(gone)?;
    Ok(Body::from_stream(ReaderStream::with_capacity(file.take(bytes.end - bytes.start), 64 << 10)))
}

/// By the extension; nothing for what browsers do not know.
fn kind(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    Some(match extension.as_str() {
        "mp3" => "audio/mpeg",
        "flac" => "audio/flac",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "webm" => "audio/webm",
        "wav" | "wave" => "audio/wav",
        "m4a" | "m4b" | "mp4" => "audio/mp4",
        "aac" => "audio/aac",
        _ => return None,
    })
}
