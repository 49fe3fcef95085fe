//! Records that others post.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

use super::requests::{Handler, Posted, Reading, take};
use crate::connections::{self, ConnectionLimit, ListenAddress};
use crate::deadlines::{REQUEST, STOPPED};
use crate::graph::{Feed, next};
use crate::record::{LONGEST, Record};
use crate::{Error, Source};

/// Nobody waits for longer, and no clock ends before that.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A source of what others POST to an address, by HTTP/1.1: a body is a record, or each of its lines is
/// ([`lines`](Http::lines), or the content type `application/x-ndjson`).
///
/// | answer | when |
/// |---|---|
/// | 202 Accepted | the graph has accepted all records of the body |
/// | 400 Bad Request | it should be JSON ([`json`](Http::json), or its content type), and is none; nothing of it was emitted |
/// | 403 Forbidden | a web page sends it, of an origin that is not among the [`origins`](Http::origins) |
/// | 408 Request Timeout | the body took longer than [`timeout`](Http::timeout) |
/// | 413 Payload Too Large | the body is larger than [`largest_body`](Http::largest_body) |
/// | 429 Too Many Requests | [`waiting`](Http::waiting) others wait for the graph already; with Retry-After |
/// | 503 Service Unavailable | the run has failed or is stopped; some of the records may have been emitted |
///
/// While the graph is full, answers wait. When the source is stopped it takes no more requests, and those that
/// it has are answered, for 5 s at most. A connection that sends no request for as long as a body may take is
/// closed, and so is one that does not read its answer in that time, with a second more for each 16 KiB. A request
/// that is refused (4xx, but not 429) ends its connection, and so does any while all connections are taken.
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
        reading: Reading {
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
    reading: Reading,
}

impl Http {
    /// The same for requests to this path, as `/records`. It is `/` by default; others are 404.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.reading.path = path.into();
        self
    }

    /// The same; if `lines`, each line of any body is a record, without its newline; empty ones are none.
    #[must_use]
    pub fn lines(mut self, lines: bool) -> Self {
        self.reading.lines = lines;
        self
    }

    /// The same; if `json`, each record is JSON, whatever its content type: a body that is none is refused, and one
    /// that is a record loses its newlines.
    #[must_use]
    pub fn json(mut self, json: bool) -> Self {
        self.reading.json = json;
        self
    }

    /// The same; web pages of these origins, as `https://example.org`, may post. Browsers send the origin of a page
    /// along, and without this no page may: it could be anybody's, looked at by somebody who reaches this address.
    #[must_use]
    pub fn origins<S: Into<String>>(mut self, origins: impl IntoIterator<Item = S>) -> Self {
        self.reading.origins = origins.into_iter().map(Into::into).collect();
        self
    }

    /// The same; a body has so many bytes at most. 1 MiB by default; 32 MiB is the most.
    #[must_use]
    pub fn largest_body(mut self, bytes: usize) -> Self {
        self.reading.largest = bytes.min(LONGEST);
        self
    }

    /// The same; so many requests that were read wait for the graph. 64 by default.
    #[must_use]
    pub fn waiting(mut self, requests: usize) -> Self {
        self.reading.waiting = requests.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// The same; the head of a request may take so long to arrive, and so may its body, and its client to read the
    /// answer. 30 s each by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.reading.timeout = timeout.min(FOREVER);
        self
    }

    /// The same; so many connections are served at once, others wait. 256 by default.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// The same on a listener that is bound already.
    #[must_use]
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listen.replace(listener);
        self
    }

    /// Binds it now, not when it begins to feed.
    ///
    /// # Errors
    ///
    /// If the address can't be listened at.
    pub async fn bind(mut self) -> Result<Self, Error> {
        self.listen.bind().await?;
        Ok(self)
    }

    /// Where it listens, if it is bound.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listen.local_addr()
    }
}

impl<T: Record> Feed<T> for Http {
    async fn feed(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        let Self { listen, connections, reading } = self;
        let (sender, mut posted) = channel(1);
        let deadline = REQUEST.of(reading.timeout);
        let limit = ConnectionLimit::new(connections);
        let http = connections::Http::new(deadline, limit.clone(), router(reading, sender), stop.clone());
        let serve = move |connection, peer| http.clone().serve(connection, peer);
        let serving = listen.serve(limit, stop.clone(), serve).await?;
        // Ends when the last connection is closed.
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
        // Clients that were answered have some time to read it.
        let _ = STOPPED.within("clients", serving.join_all()).await;
        Ok(())
    }
}

/// What answers requests.
fn router(reading: Reading, sender: Sender<Posted>) -> Router {
    let waiting = Arc::new(Semaphore::new(reading.waiting));
    let limit = DefaultBodyLimit::max(reading.largest);
    let handler = Handler { reading: Arc::new(reading), waiting, sender };
    Router::new().fallback(take).layer(limit).with_state(handler)
}

/// Serves one connection to its end; the records that it brought.
#[cfg(any(fuzzing, test))]
pub(crate) async fn serve_one<S>(connection: S) -> Vec<bytes::Bytes>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, mut posted) = channel(1);
    let router = router(http("").largest_body(1 << 10).reading, sender);
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

/// Emits what is posted, until no connection is left, or until it is `over`.
async fn emit<T: Record>(
    posted: &mut Receiver<Posted>,
    source: &Source<T>,
    over: &CancellationToken,
) -> Result<(), Error> {
    while let Some(Posted { records, done }) = next(source, over, posted.recv()).await?.flatten() {
        let emitted = source.emit_records(records).await;
        // Who does not wait any more need not know.
        let _ = done.send(emitted.clone());
        emitted?;
    }
    Ok(())
}
