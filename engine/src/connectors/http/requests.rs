//! Requests to the source `http`: which are taken, the records in their bodies, and the answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT_ENCODING, ALLOW, ORIGIN, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use bytesize::ByteSize;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Sender, WeakSender};

use super::answers::{Ticket, unavailable};
use super::body::{self, BodyType, NotJson, Unread, read_body};
use super::encoding::{Encoding, Undecodable};
use super::source::Respond;
use crate::connections::Peer;
use crate::deadlines::REQUEST;

/// How many bodies are decoded at the same time.
const DECODED_AT_ONCE: usize = 4;

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
    pub(crate) respond: Respond,
    pub(crate) done_within: Duration,
}

/// A request whose body is not a record, or not several.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// What was read of the body.
    pub(crate) record: Bytes,
    pub(crate) reason: String,
    pub(crate) peer: Option<SocketAddr>,
}

/// Why a request brings no records.
enum NotTaken {
    Refused(Refusal),
    /// Its body did not come. This is the answer's status.
    Unread(StatusCode),
}

impl From<Refusal> for NotTaken {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Refusal {
    fn new(status: StatusCode, record: Bytes, reason: String) -> Self {
        Self { status, record, reason, peer: None }
    }

    /// The reason with the client's address, for the fault.
    pub(crate) fn message(&self) -> String {
        match self.peer {
            Some(peer) => format!("{}, from {peer}", self.reason),
            None => self.reason.clone(),
        }
    }

    fn answer(status: StatusCode, reason: String) -> Response {
        let text = reason + "\n";
        match status {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                (status, [(ACCEPT_ENCODING, Encoding::ACCEPTED)], text).into_response()
            }
            status => (status, text).into_response(),
        }
    }
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
    fn records(&self, kind: BodyType, bytes: &Bytes) -> Result<Vec<Bytes>, NotJson> {
        let has_lines = self.lines || kind == BodyType::Ndjson;
        body::records(bytes, has_lines, self.json, self.json || kind != BodyType::Other)
    }

    /// The status of the answer if all is well.
    fn taken(&self) -> StatusCode {
        match self.respond {
            Respond::Accepted => StatusCode::ACCEPTED,
            Respond::Done => StatusCode::OK,
        }
    }
}

/// What a request brought, and where to tell what became of it.
pub(crate) struct Posted {
    pub(crate) records: Result<Vec<Bytes>, Refusal>,
    pub(crate) ticket: Ticket,
}

/// Handles requests.
#[derive(Clone)]
pub(crate) struct Handler {
    rules: Arc<RequestRules>,
    /// Permits for requests that wait for the graph.
    waiting: Arc<Semaphore>,
    decoding: Arc<Semaphore>,
    /// Where requests go until the source ends.
    sender: WeakSender<Posted>,
}

impl Handler {
    pub(crate) fn new(rules: RequestRules, sender: &Sender<Posted>) -> Self {
        let waiting = Arc::new(Semaphore::new(rules.waiting));
        let decoding = Arc::new(Semaphore::new(DECODED_AT_ONCE));
        Self { rules: Arc::new(rules), waiting, decoding, sender: sender.downgrade() }
    }

    /// Reads the records of a request.
    async fn read(&self, request: Request) -> Result<Vec<Bytes>, NotTaken> {
        let (kind, encoding) = (BodyType::of(request.headers()), Encoding::of(request.headers()));
        let reading = read_body(request.into_body(), self.rules.largest);
        let body = match REQUEST.of(self.rules.timeout).within("a client", reading).await {
            Ok(Ok(body)) => body,
            Ok(Err(Unread::TooLarge(begin))) => return Err(self.too_large(begin).into()),
            Ok(Err(Unread::Broken)) => return Err(NotTaken::Unread(StatusCode::BAD_REQUEST)),
            Err(_) => return Err(NotTaken::Unread(StatusCode::REQUEST_TIMEOUT)),
        };
        let encoding = encoding.map_err(|names| {
            let reason = format!("the content encoding {names:?} is not supported");
            Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, body.clone(), reason)
        })?;
        let decoded = self.decode(encoding, body.clone()).await.map_err(|error| match error {
            Undecodable::TooLarge => self.too_large(body),
            Undecodable::Damaged(error) => {
                let reason = format!("the body can't be decompressed: {error}");
                Refusal::new(StatusCode::BAD_REQUEST, body, reason)
            }
        })?;
        let records = self.rules.records(kind, &decoded);
        Ok(records.map_err(|NotJson(reason)| Refusal::new(StatusCode::BAD_REQUEST, decoded, reason))?)
    }

    fn too_large(&self, record: Bytes) -> Refusal {
        let reason = format!("the body is larger than {}", ByteSize(self.rules.largest as u64));
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, record, reason)
    }

    async fn decode(&self, encoding: Encoding, body: Bytes) -> Result<Bytes, Undecodable> {
        if encoding == Encoding::Plain {
            return Ok(body);
        }
        // The semaphore is never closed.
        let _permit = self.decoding.acquire().await;
        encoding.decode(body, self.rules.largest).await
    }
}

/// Takes a request, and answers when it is known what became of its records.
pub(crate) async fn take(State(handler): State<Handler>, request: Request) -> Response {
    if let Some(refusal) = handler.rules.refuse(&request) {
        return refusal;
    }
    let ended = || unavailable("the source has ended\n".to_owned());
    // The source does not end before the request is passed on.
    let Some(sender) = handler.sender.upgrade() else { return ended() };
    let peer = request.extensions().get().map(|Peer(peer)| *peer);
    let records = match handler.read(request).await {
        Ok(records) => Ok(records),
        Err(NotTaken::Refused(refusal)) => Err(Refusal { peer, ..refusal }),
        Err(NotTaken::Unread(status)) => return status.into_response(),
    };
    // Only now, so that a request that arrives slowly takes no permit.
    let Ok(_permit) = handler.waiting.try_acquire() else {
        return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "1")], "too many requests wait\n")
            .into_response();
    };
    let refusal = records.as_ref().err().map(|refusal| (refusal.status, refusal.reason.clone()));
    let (ticket, outcome) = Ticket::new(records.as_ref().map_or(1, Vec::len));
    // After the end of the source nothing receives it, and the wait below fails.
    let _ = sender.send(Posted { records, ticket }).await;
    drop(sender);
    let outcome = match handler.rules.respond {
        Respond::Accepted => outcome.await,
        Respond::Done => match tokio::time::timeout(handler.rules.done_within, outcome).await {
            Ok(outcome) => outcome,
            Err(_) => return late(handler.rules.done_within),
        },
    };
    match (refusal, outcome) {
        (Some((status, reason)), _) => Refusal::answer(status, reason),
        (None, Ok(outcome)) => outcome.answer(handler.rules.taken()),
        (None, Err(_)) => ended(),
    }
}

/// The answer to a client that has waited for too long.
fn late(waited: Duration) -> Response {
    let waited = humantime::format_duration(waited);
    let text = format!("the records are still being processed after {waited}\n");
    (StatusCode::GATEWAY_TIMEOUT, text).into_response()
}
