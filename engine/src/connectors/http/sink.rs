//! The sink `http`: POSTs records to a server.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use serde::de::IgnoredAny;
use tokio::time::sleep;

use super::batcher::{Batcher, Grouping, Sent};
use crate::connectors::support::backoff::waits;
use crate::connectors::support::delivery_status::DeliveryStatus;
use crate::deadlines::{ANSWER, READY_AGAIN, client, waiting};
use crate::error::ConnectorError;
use crate::fault::Cause;
use crate::graph::{Sink, Stream};
use crate::net::url::shown;
use crate::record::{Batch, Record};
use crate::text::{PlainText, json_reason};
use crate::{Error, FaultPolicy};

/// POSTs each record to a URL by HTTP/1.1, with TLS for `https` URLs. A close returns when all requests are answered.
///
/// When a connection fails, or the answer is 408, 425, 429 or 5xx, the sink tries again after 100 ms, then after twice as
/// long each time, up to 10 s, or when Retry-After says, after 60 s at most. After the last of the
/// [`retries`](Http::retries), the run fails if the server can't be reached, and the record is a fault if the answer
/// was not a success (see [`on_fault`](Http::on_fault)). Other answers that are not a success make it a fault at
/// once. Redirects are not followed.
///
/// Each record arrives at least once, or is a fault: a record arrives twice if the connection breaks before its
/// answer comes. Errors and faults name the URL without its user and its query, which may be secrets.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::sync::{Arc, Mutex};
/// use std::time::Duration;
///
/// use engine::{FaultPolicy, Source, sinks};
///
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let url = format!("http://{}/events", listener.local_addr()?);
/// # let bodies = Arc::new(Mutex::new(Vec::new()));
/// # let kept = bodies.clone();
/// # let keep = move |body: String| async move { kept.lock().unwrap().push(body) };
/// # let router = axum::Router::new().route("/events", axum::routing::post(keep));
/// # tokio::spawn(axum::serve(listener, router).into_future());
/// // A server at `url` keeps the bodies that it is sent.
/// let http = sinks::http(url)
///     .header("authorization", "Bearer …")
///     .batches(100, Duration::from_millis(500))
///     .on_fault(&FaultPolicy::skip());
/// let source = Source::new();
/// source.stream().sink(http);
/// source.emit(r#"{"user":1}"#.to_owned()).await?;
/// source.emit(r#"{"user":2}"#.to_owned()).await?;
/// source.close().await?; // it was answered
/// assert_eq!(*bodies.lock().unwrap(), ["{\"user\":1}\n{\"user\":2}\n"]);
/// # Ok(()) }
/// ```
pub fn http(url: impl Into<String>) -> Http {
    Http {
        url: url.into(),
        headers: Vec::new(),
        timeout: ANSWER.time,
        retries: 5,
        array: false,
        grouping: Grouping { records: 1, within: Duration::ZERO, in_flight: 1, refuse: |_| None },
        policy: FaultPolicy::stop(),
    }
}

/// See [`http`].
#[derive(Clone)]
pub struct Http {
    url: String,
    headers: Vec<(String, String)>,
    timeout: Duration,
    retries: usize,
    array: bool,
    grouping: Grouping,
    policy: FaultPolicy,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("url", &shown(&self.url)).finish_non_exhaustive()
    }
}

impl Http {
    /// Adds a header to each request.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Limits how long an answer may take, including the connection. 30 s by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Tries again this many times. 5 by default.
    #[must_use]
    pub fn retries(mut self, retries: usize) -> Self {
        self.retries = retries;
        self
    }

    /// Sends up to `records` records in one request, each followed by a newline: as soon as these are there, or when
    /// the first has waited for `within`. If the request is refused, each of them is a fault.
    #[must_use]
    pub fn batches(mut self, records: usize, within: Duration) -> Self {
        self.grouping = Grouping { records: records.max(1), within, ..self.grouping };
        self
    }

    /// If `array`, sends the records of a request as a JSON array. A record that is not JSON is a fault.
    #[must_use]
    pub fn array(mut self, array: bool) -> Self {
        self.array = array;
        self.grouping.refuse = if array { not_json } else { |_| None };
        self
    }

    /// Keeps up to this many requests in flight. With more than 1, which is the default, they may arrive in another
    /// order; faults are still reported in the order of the records.
    #[must_use]
    pub fn in_flight(mut self, requests: usize) -> Self {
        self.grouping.in_flight = requests.max(1);
        self
    }

    /// Says what happens to a record that the server did not take. By default the run ends. The retries of `policy`
    /// are not used: those of the sink are.
    #[must_use]
    pub fn on_fault(mut self, policy: &FaultPolicy) -> Self {
        self.policy = policy.clone();
        self
    }

    fn requests(&self) -> Result<Requests, Error> {
        let unusable = |source: Arc<dyn std::error::Error + Send + Sync>| {
            Error::Connector(ConnectorError::Request { url: shown(&self.url), source })
        };
        let url = Url::parse(&self.url).map_err(|error| unusable(Arc::new(error)))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type()));
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name).map_err(|error| unusable(Arc::new(error)))?;
            let value = HeaderValue::try_from(value).map_err(|error| unusable(Arc::new(error)))?;
            headers.insert(name, value);
        }
        let client = client(self.timeout).default_headers(headers).redirect(Policy::none());
        let client = client.build().map_err(|error| unusable(Arc::new(error)))?;
        Ok(Requests { client, url, retries: self.retries })
    }

    fn content_type(&self) -> &'static str {
        match () {
            () if self.array => "application/json",
            () if self.grouping.records > 1 => "application/x-ndjson",
            () => "application/octet-stream",
        }
    }
}

impl<T: Record> Sink<T> for Http {
    fn attach(self, stream: Stream<T>) {
        let requests = self.requests();
        let status = DeliveryStatus::new("http", self.policy, stream.context.clone());
        let (array, alone) = (self.array, self.grouping.records == 1);
        let send = move |records: Batch| {
            let requests = requests.clone();
            async move { requests?.post(body(records, array, alone)).await }
        };
        let context = stream.context.clone();
        stream.connect("http", Batcher::new(self.grouping, status, context, send));
    }
}

fn not_json(record: &[u8]) -> Option<String> {
    let error = serde_json::from_slice::<IgnoredAny>(record).err()?;
    Some(format!("it is not JSON: {}", json_reason(&error, 0)))
}

fn body(mut records: Batch, array: bool, alone: bool) -> Vec<u8> {
    match () {
        () if array => {
            let mut body = vec![b'['];
            for (_, record) in records.iter() {
                body.extend_from_slice(record);
                body.push(b',');
            }
            body.pop();
            body.push(b']');
            body
        }
        () if alone => records.record(0).to_vec(),
        () => records.separated(b'\n').into_owned(),
    }
}

/// Makes requests.
#[derive(Clone)]
struct Requests {
    client: Client,
    url: Url,
    retries: usize,
}

impl Requests {
    /// Posts a body until an answer is final.
    async fn post(&self, body: Vec<u8>) -> Result<Sent, Error> {
        let body = bytes::Bytes::from(body);
        let (mut waits, mut attempts) = (waits(self.retries), 0);
        loop {
            attempts += 1;
            let request = self.client.post(self.url.clone()).body(body.clone()).send();
            let answer = waiting(|| ANSWER.told(&shown(self.url.as_str())), request).await;
            let wait = match &answer {
                Ok(answer) if answer.status().is_success() => return Ok(Sent::Taken),
                Ok(answer) if !may_succeed(answer.status()) => None,
                Ok(answer) => waits.next().map(|wait| retry_after(answer).unwrap_or(wait)),
                Err(_) => waits.next(),
            };
            match (wait, answer) {
                (Some(wait), _) => {
                    waiting(|| READY_AGAIN.told(&shown(self.url.as_str())), sleep(wait)).await;
                }
                (None, Ok(answer)) => {
                    let message = format!("{} answered {}", shown(self.url.as_str()), answer.status());
                    let retryable = may_succeed(answer.status());
                    return Ok(Sent::Refused(
                        Cause::Failed { message: PlainText::short(message), retryable },
                        attempts,
                    ));
                }
                (None, Err(error)) => {
                    let url = shown(self.url.as_str());
                    return Err(Error::Connector(ConnectorError::Request {
                        url,
                        source: Arc::new(error.without_url()),
                    }));
                }
            }
        }
    }
}

/// Whether another try may succeed.
fn may_succeed(status: StatusCode) -> bool {
    let later = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    later.contains(&status) || status.is_server_error()
}

/// How long the server asks the client to wait: in seconds, or until a date.
fn retry_after(answer: &Response) -> Option<Duration> {
    let asked = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match asked.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = httpdate::parse_http_date(asked).ok()?;
            date.duration_since(SystemTime::now()).unwrap_or_default()
        }
    };
    Some(wait.min(READY_AGAIN.time))
}
