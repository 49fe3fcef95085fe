//! The bodies of requests, and the records in them.

use axum::body::{Body, HttpBody};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use futures_util::StreamExt;
use serde::de::IgnoredAny;

use crate::connectors::support::formats::encoding::{is_utf16, without_mark};

/// Why a body could not be read.
pub(super) enum Unread {
    /// It is too large. This is what was read of it.
    TooLarge(Bytes),
    /// Its connection broke.
    Broken,
}

/// Reads a body of at most `largest` bytes.
pub(super) async fn read_body(body: Body, largest: usize) -> Result<Bytes, Unread> {
    if body.size_hint().lower() > largest as u64 {
        return Err(Unread::TooLarge(Bytes::new()));
    }
    let (mut read, mut pieces) = (Vec::new(), body.into_data_stream());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Unread::Broken)?;
        let room = largest - read.len();
        if piece.len() > room {
            read.extend_from_slice(&piece[..room]);
            return Err(Unread::TooLarge(read.into()));
        }
        read.extend_from_slice(&piece);
    }
    Ok(read.into())
}

/// Why a body has no records, for the client.
pub(super) struct NotJson(pub(super) String);

/// The records of a body: the body itself, or its lines. If they should be JSON, each is checked; if `json` is the format
/// of the source, each is put on one line. A byte order mark before JSON is left out.
pub(super) fn records(body: &Bytes, has_lines: bool, json: bool, check: bool) -> Result<Vec<Bytes>, NotJson> {
    let body = if check { &body.slice_ref(without_mark(body)) } else { body };
    let records = if has_lines { lines(body) } else { vec![body.clone()] };
    if check {
        for (number, record) in (1..).zip(&records) {
            let which = match records.len() {
                1 => String::new(),
                records => format!("record {number} of {records}: "),
            };
            check_json(record).map_err(|reason| NotJson(format!("{which}it is not JSON: {reason}")))?;
        }
    }
    Ok(if json { records.into_iter().map(on_one_line).collect() } else { records })
}

/// Checks that a record is JSON.
fn check_json(record: &[u8]) -> Result<(), String> {
    if is_utf16(record) {
        return Err("it is UTF-16; send it as UTF-8".to_owned());
    }
    let text = str::from_utf8(record).map_err(|_| "it is not UTF-8".to_owned())?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| error.to_string())?;
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

fn lines(body: &Bytes) -> Vec<Bytes> {
    let lines = body.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.is_empty()).map(|line| body.slice_ref(line)).collect()
}

/// The content type of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyType {
    Json,
    Ndjson,
    Other,
}

impl BodyType {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        match kind.to_ascii_lowercase().as_str() {
            "application/json" => Self::Json,
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/jsonlines"
            | "application/x-jsonlines" => Self::Ndjson,
            _ => Self::Other,
        }
    }
}
