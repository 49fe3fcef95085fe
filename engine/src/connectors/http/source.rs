//! The source `http`: records that clients POST.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

use super::requests::{Handler, Posted, RequestRules, take};
use crate::connections::{self, ConnectionLimit, ListenAddress};
use crate::deadlines::{REQUEST, STOPPED};
use crate::graph::{Feed, next};
use crate::record::{LONGEST, Record};
use crate::{Error, Source};

/// The longest timeout: longer ones could not be added to the current time.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Listens at an address for HTTP/1.1 requests, and emits the body of each POST as a record, or each of its lines
/// (with [`lines`](Http::lines), or the content type `application/x-ndjson`).
///
/// | answer | when |
/// |---|---|
/// | 202 Accepted | the graph has accepted all records of the body |
/// | 400 Bad Request | the body should be JSON ([`json`](Http::json), or its content type), and is not; nothing of it was emitted |
/// | 403 Forbidden | a web page sends the request, and its origin is not among the [`origins`](Http::origins) |
/// | 408 Request Timeout | the body took longer than [`timeout`](Http::timeout) |
/// | 413 Payload Too Large | the body is larger than [`largest_body`](Http::largest_body) |
/// | 429 Too Many Requests | [`waiting`](Http::waiting) other requests wait for the graph; with Retry-After |
/// | 503 Service Unavailable | the run has failed or is stopped; some of the records may have been emitted |
///
/// While the graph is full, answers wait. A client that got no answer does not know whether its records were emitted.
/// When the source is stopped, it takes no more requests, and answers those that it has within 5 s.
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
        },
    }
}

/// See [`http`].
#[derive(Debug)]
pub struct Http {
    listen: ListenAddress,
    connections: usize,
    rules: RequestRules,
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

impl<T: Record> Feed<T> for Http {
    async fn feed(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        let Self { listen, connections, rules } = self;
        let (sender, mut posted) = channel(1);
        let deadline = REQUEST.of(rules.timeout);
        let limit = ConnectionLimit::new(connections);
        let http = connections::Http::new(deadline, limit.clone(), router(rules, sender), stop.clone());
        let serve = move |connection, peer| http.clone().serve(connection, peer);
        let serving = listen.serve(limit, stop.clone(), serve).await?;
        // Without it, emitting ends when the last connection is closed.
        let over = CancellationToken::new();
        let emitting = emit(&mut posted, source, &over);
        tokio::pin!(emitting);
        tokio::select! {
            emitted = &mut emitting => {
                emitted?;
                serving.join_all().await;
                return Ok(());
            }
            () = grace(stop) => over.cancel(),
        }
        emitting.await?;
        // Clients have some time to read their answers.
        let _ = STOPPED.within("clients", serving.join_all()).await;
        Ok(())
    }
}

/// Answers requests.
fn router(rules: RequestRules, sender: Sender<Posted>) -> Router {
    let waiting = Arc::new(Semaphore::new(rules.waiting));
    let limit = DefaultBodyLimit::max(rules.largest);
    let handler = Handler { rules: Arc::new(rules), waiting, sender };
    Router::new().fallback(take).layer(limit).with_state(handler)
}

/// Serves one connection to its end, and returns the records that it brought.
#[cfg(any(fuzzing, test))]
pub(crate) async fn serve_one<S>(connection: S) -> Vec<bytes::Bytes>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, mut posted) = channel(1);
    let router = router(http("").largest_body(1 << 10).rules, sender);
    let http = connections::Http::new(REQUEST, ConnectionLimit::new(2), router, CancellationToken::new());
    let taking = async {
        let mut records = Vec::new();
        while let Some(Posted { records: more, done }) = posted.recv().await {
            records.extend(more);
            let _ = done.send(Ok(()));
        }
        records
    };
    tokio::join!(http.serve(connection, SocketAddr::from(([127, 0, 0, 1], 1))), taking).1
}

async fn grace(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(STOPPED.time).await;
}

/// Emits what is posted, until no connection is left or `over` is cancelled.
async fn emit<T: Record>(
    posted: &mut Receiver<Posted>,
    source: &Source<T>,
    over: &CancellationToken,
) -> Result<(), Error> {
    while let Some(Posted { records, done }) = next(source, over, posted.recv()).await?.flatten() {
        let emitted = source.emit_records(records).await;
        // A client that has gone needs no answer.
        let _ = done.send(emitted.clone());
        emitted?;
    }
    Ok(())
}
