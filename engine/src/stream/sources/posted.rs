//! Requests that bring records, and their answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::IgnoredAny;
use tokio::sync::mpsc::Sender;
use tokio::sync::{Semaphore, oneshot};

use crate::Error;

/// How bodies are read.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) lines: bool,
    pub(super) timeout: Duration,
    pub(super) largest: usize,
    pub(super) waiting: usize,
}

/// The records of a request, and who waits for what becomes of them.
pub(super) struct Posted {
    pub(super) records: Vec<Bytes>,
    pub(super) done: oneshot::Sender<Result<(), Error>>,
}

/// What takes requests.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) reading: Reading,
    pub(super) places: Arc<Semaphore>,
    pub(super) sender: Sender<Posted>,
}

/// Takes a request, and answers when the graph has accepted its records.
pub(super) async fn take(State(desk): State<Desk>, request: Request) -> Response {
    let Ok(_place) = desk.places.try_acquire() else {
        return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "1")], "too many requests wait\n")
            .into_response();
    };
    let kind = Kind::of(request.headers());
    let reading = Bytes::from_request(request, &());
    let body = match tokio::time::timeout(desk.reading.timeout, reading).await {
        Ok(Ok(body)) => body,
        Ok(Err(rejection)) => return rejection.into_response(),
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let records = if desk.reading.lines || kind == Kind::Ndjson { lines(&body) } else { vec![body] };
    if kind != Kind::Other
        && let Some(error) = records.iter().find_map(|json| serde_json::from_slice::<IgnoredAny>(json).err())
    {
        return (StatusCode::BAD_REQUEST, format!("it is no JSON: {error}\n")).into_response();
    }
    let (done, wait) = oneshot::channel();
    // Nobody takes it, or says what became of it, once the source has ended.
    let _ = desk.sender.send(Posted { records, done }).await;
    match wait.await {
        Ok(Ok(())) => StatusCode::ACCEPTED.into_response(),
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the source has ended\n").into_response(),
    }
}

fn lines(body: &Bytes) -> Vec<Bytes> {
    let lines = body.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.is_empty()).map(|line| body.slice_ref(line)).collect()
}

/// What a body is said to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Ndjson,
    Other,
}

impl Kind {
    fn of(headers: &HeaderMap) -> Self {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        match kind.to_ascii_lowercase().as_str() {
            "application/json" => Self::Json,
            "application/x-ndjson" | "application/jsonl" => Self::Ndjson,
            _ => Self::Other,
        }
    }
}
