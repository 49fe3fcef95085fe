//! Requests to the source `http`: which are taken, the records in their bodies, and the answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, ORIGIN, RETRY_AFTER};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::IgnoredAny;
use tokio::sync::mpsc::Sender;
use tokio::sync::{Semaphore, oneshot};

use crate::Error;
use crate::deadlines::REQUEST;

/// Which requests are taken, and how their bodies are read.
#[derive(Clone, Debug)]
pub(crate) struct RequestRules {
    pub(crate) path: String,
    /// The origins of web pages that may post.
    pub(crate) origins: Vec<String>,
    pub(crate) lines: bool,
    pub(crate) json: bool,
    pub(crate) timeout: Duration,
    pub(crate) largest: usize,
    pub(crate) waiting: usize,
}

impl RequestRules {
    /// The answer to a request that is refused before its body is read.
    fn refuse(&self, request: &Request) -> Option<Response> {
        let is_ours = |origin: &[u8]| self.origins.iter().any(|ours| ours.as_bytes() == origin);
        let origins = request.headers().get_all(ORIGIN);
        match () {
            () if !origins.iter().all(|origin| is_ours(origin.as_bytes())) => {
                Some((StatusCode::FORBIDDEN, "web pages of this origin may not post\n").into_response())
            }
            () if request.uri().path() != self.path => Some(StatusCode::NOT_FOUND.into_response()),
            () if request.method() != Method::POST => {
                Some((StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST")]).into_response())
            }
            () => None,
        }
    }

    /// The records of a body.
    ///
    /// # Errors
    ///
    /// Why it has no records, for the client.
    fn records(&self, kind: BodyType, body: Bytes) -> Result<Vec<Bytes>, String> {
        let has_lines = self.lines || kind == BodyType::Ndjson;
        let records = if has_lines { lines(&body) } else { vec![body] };
        if self.json || kind != BodyType::Other {
            records.iter().try_for_each(|record| check(record))?;
        }
        Ok(if self.json { records.into_iter().map(on_one_line).collect() } else { records })
    }
}

/// Checks that a record is JSON.
fn check(record: &[u8]) -> Result<(), String> {
    let text = str::from_utf8(record).map_err(|_| "it is not JSON: it is not UTF-8".to_owned())?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| format!("it is not JSON: {error}"))?;
    Ok(())
}

/// JSON without the newlines in it, which are never part of a value.
fn on_one_line(json: Bytes) -> Bytes {
    let is_newline = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if json.iter().any(is_newline) {
        json.iter().copied().filter(|byte| !is_newline(byte)).collect()
    } else {
        json
    }
}

/// The records of a request, and where to send whether the graph has accepted them.
pub(crate) struct Posted {
    pub(crate) records: Vec<Bytes>,
    pub(crate) done: oneshot::Sender<Result<(), Error>>,
}

/// Handles requests.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) rules: Arc<RequestRules>,
    /// Permits for requests that wait for the graph.
    pub(crate) waiting: Arc<Semaphore>,
    pub(crate) sender: Sender<Posted>,
}

/// Takes a request, and answers when the graph has accepted its records.
pub(crate) async fn take(State(handler): State<Handler>, request: Request) -> Response {
    if let Some(refusal) = handler.rules.refuse(&request) {
        return refusal;
    }
    let kind = BodyType::of(request.headers());
    let reading = Bytes::from_request(request, &());
    let body = match REQUEST.of(handler.rules.timeout).within("a client", reading).await {
        Ok(Ok(body)) => body,
        Ok(Err(rejection)) => return rejection.into_response(),
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let records = match handler.rules.records(kind, body) {
        Ok(records) => records,
        Err(reason) => return (StatusCode::BAD_REQUEST, reason + "\n").into_response(),
    };
    // Only now, so that a request that arrives slowly takes no permit.
    let Ok(_permit) = handler.waiting.try_acquire() else {
        return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "1")], "too many requests wait\n")
            .into_response();
    };
    let (done, wait) = oneshot::channel();
    // After the end of the source nothing receives it, and the wait below fails.
    let _ = handler.sender.send(Posted { records, done }).await;
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

/// The content type of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BodyType {
    Json,
    Ndjson,
    Other,
}

impl BodyType {
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
