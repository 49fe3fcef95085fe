//! The source `http`: records that clients POST.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::requests::RequestRules;
use crate::connections::ListenAddress;
use crate::deadlines::{OUT, REQUEST};
use crate::record::LONGEST;
use crate::{Error, FaultPolicy};

/// The longest timeout: longer ones could not be added to the current time.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Listens at an address for HTTP/1.1 requests, and emits the body of each POST as a record, or each of its lines
/// (with [`lines`](Http::lines), or the content type `application/x-ndjson` or another name of it). Bodies may be
/// compressed (`gzip`, `deflate` or `zstd` in Content-Encoding).
///
/// | answer | when |
/// |---|---|
/// | 200 OK | all records of the body are out, with [`Respond::Done`] |
/// | 202 Accepted | the graph has accepted all records of the body |
/// | 400 Bad Request | a record of the body is not accepted: the body should be JSON ([`json`](Http::json), or its content type), and is not; it can't be decompressed; or a function failed for a record, and the answer says why |
/// | 403 Forbidden | a web page sends the request, and its origin is not among the [`origins`](Http::origins) |
/// | 408 Request Timeout | the body took longer than [`timeout`](Http::timeout) |
/// | 413 Content Too Large | the body is larger than [`largest_body`](Http::largest_body), as it came or decompressed |
/// | 415 Unsupported Media Type | the body is compressed in another way |
/// | 429 Too Many Requests | [`waiting`](Http::waiting) other requests wait for the graph; with Retry-After |
/// | 500 Internal Server Error | a function panicked, took too long, or exceeded another limit for a record |
/// | 503 Service Unavailable | the run has failed or is stopped, or a function says that another try may succeed; some of the records may have been emitted; with Retry-After |
/// | 504 Gateway Timeout | with [`Respond::Done`], the records are not out within [`done_within`](Http::done_within); they are still being processed |
///
/// A body that is refused with 400, 413 or 415 before it becomes records is a fault (see [`on_fault`](Http::on_fault)),
/// and nothing of it is emitted. If a function fails for one record of a body, the others are still processed.
///
/// While the graph is full, answers wait. A client that got no answer does not know whether its records were emitted.
/// When the source is stopped, it takes no more requests, and answers those that it has: within 5 s, or with
/// [`Respond::Done`] when their records are out.
///
/// A connection is closed if it sends no request within the [`timeout`](Http::timeout), or does not read its answer in
/// that time (with a second more for each 16 KiB); after a request that is refused (4xx, but not 429); and after each
/// request while all [`connections`](Http::connections) are taken.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use engine::sources::{self, Feed};
/// use engine::{CancellationToken, Source, sinks};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// let (source, stop) = (Source::new(), CancellationToken::new());
/// let (sink, list) = sinks::list::<String>();
/// source.stream().sink(sink);
/// let http = sources::http("127.0.0.1:0").bind().await?;
/// let address = http.local_addr().expect("it is bound");
/// let stopped = stop.clone();
/// tokio::spawn(async move {
///     let mut client = tokio::net::TcpStream::connect(address).await?;
///     client.write_all(b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello").await?;
///     let mut answer = String::new();
///     client.read_to_string(&mut answer).await?;
///     assert!(answer.starts_with("HTTP/1.0 202 Accepted"));
///     stopped.cancel();
///     std::io::Result::Ok(())
/// });
/// http.feed(&source, &stop).await?;
/// source.close().await?;
/// assert_eq!(list.take(), ["hello"]);
/// # Ok(()) }
/// ```
pub fn http(address: impl Into<String>) -> Http {
    Http {
        listen: ListenAddress::new(address),
        connections: 256,
        rules: RequestRules {
            path: "/".to_owned(),
            origins: Vec::new(),
            lines: false,
            json: false,
            timeout: REQUEST.time,
            largest: 1 << 20,
            waiting: 64,
            respond: Respond::Accepted,
            done_within: OUT.time,
        },
        policy: FaultPolicy::skip(),
    }
}

/// When a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Respond {
    /// When the graph has accepted all its records, with 202. Faults that are known by then are told.
    Accepted,
    /// When all its records are out, with 200: they were written by sinks or dropped, or are faults, of which the first
    /// is told. If several sources meet in the graph, feeding it fails.
    Done,
}

/// See [`http`].
#[derive(Debug)]
pub struct Http {
    pub(super) listen: ListenAddress,
    pub(super) connections: usize,
    pub(super) rules: RequestRules,
    pub(super) policy: FaultPolicy,
}

impl Http {
    /// Takes requests to this path, as `/records`; others get 404. `/` by default.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.rules.path = path.into();
        self
    }

    /// If `lines`, emits each line of every body as a record, without its newline. Empty lines are skipped.
    #[must_use]
    pub fn lines(mut self, lines: bool) -> Self {
        self.rules.lines = lines;
        self
    }

    /// If `json`, reads each record as JSON, whatever the content type: other bodies are refused, and newlines between
    /// JSON tokens are removed.
    #[must_use]
    pub fn json(mut self, json: bool) -> Self {
        self.rules.json = json;
        self
    }

    /// Lets web pages of these origins post, as `https://example.org`. By default none may: any page that a user with
    /// access to this address visits could post, and browsers send the origin of the page along.
    #[must_use]
    pub fn origins<S: Into<String>>(mut self, origins: impl IntoIterator<Item = S>) -> Self {
        self.rules.origins = origins.into_iter().map(Into::into).collect();
        self
    }

    /// Limits a body to this many bytes. 1 MiB by default, and at most 32 MiB.
    #[must_use]
    pub fn largest_body(mut self, bytes: usize) -> Self {
        self.rules.largest = bytes.min(LONGEST);
        self
    }

    /// Says when a request is answered: [`Respond::Accepted`] by default.
    ///
    /// With [`Respond::Done`], requests are answered in the order in which they came. A node that holds records until
    /// more come, such as `partition`, holds the answers too: let more requests [wait](Self::waiting) than it holds.
    #[must_use]
    pub fn respond(mut self, respond: Respond) -> Self {
        self.rules.respond = respond;
        self
    }

    /// With [`Respond::Done`], limits how long a client waits until its records are out: then it gets 504, and its
    /// records are still processed. 30 s by default.
    #[must_use]
    pub fn done_within(mut self, time: Duration) -> Self {
        self.rules.done_within = time.min(LONGEST_TIMEOUT);
        self
    }

    /// Says what happens if a body is refused with 400, 413 or 415: its record is what was read of the body. By default
    /// it is left out, and the source goes on. Nothing can be read twice, so retries of `policy` are not used.
    #[must_use]
    pub fn on_fault(mut self, policy: &FaultPolicy) -> Self {
        self.policy = policy.clone();
        self
    }

    /// Lets this many requests that were read wait for the graph; more get 429. 64 by default, and at least 1.
    #[must_use]
    pub fn waiting(mut self, requests: usize) -> Self {
        self.rules.waiting = requests.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Limits how long the head of a request may take to arrive, how long its body, and how long the client may take to
    /// read the answer. 30 s each by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.rules.timeout = timeout.min(LONGEST_TIMEOUT);
        self
    }

    /// Serves this many connections at the same time; others wait. 256 by default, and at least 1.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// Uses a listener that is bound already, instead of the address.
    #[must_use]
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listen.replace(listener);
        self
    }

    /// Binds the address now, and not only when the source begins to feed.
    ///
    /// # Errors
    ///
    /// If it is no address, or another program listens there.
    pub async fn bind(mut self) -> Result<Self, Error> {
        self.listen.bind().await?;
        Ok(self)
    }

    /// The address that the source is bound to, with its port; none before it is bound.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listen.local_addr()
    }
}
