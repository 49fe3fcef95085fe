//! WebSocket connections: making one, sending on it, and seeing whether it is open.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::http::{self, HeaderMap, HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{self, Message, protocol::WebSocketConfig};

use crate::Error;
use crate::deadlines::{self, Socket, WRITE};
use crate::error::ConnectorError;
use crate::net::url::shown;
use crate::record::LONGEST;

/// The most bytes of answers to pings that wait to be written. If there is no room, only the latest is kept.
const PONG_BYTES: usize = 1 << 20;

/// The most messages of the server that are discarded at once.
const DISCARDS: usize = 64;

/// How messages are read and written. `written` is the most bytes of a message that is written, and no more than that is
/// kept while the server does not read.
pub(crate) fn config(written: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST))
        .max_write_buffer_size(written + PONG_BYTES)
}

/// The server to connect to.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) url: String,
    /// Headers of the handshake. Values may be secrets.
    pub(super) headers: Vec<(String, String)>,
    /// For each step of a connection, and later for the server to read anything of what is written.
    pub(super) timeout: Duration,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("url", &shown(&self.url)).finish_non_exhaustive()
    }
}

impl Server {
    pub(super) fn new(url: String) -> Self {
        Self { url, headers: Vec::new(), timeout: WRITE.time }
    }

    /// Connects, with TLS for `wss` URLs. Messages of up to `written` bytes may be sent.
    pub(super) async fn connect(&self, written: usize) -> tungstenite::Result<Socket> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name).map_err(http::Error::from)?;
            headers.insert(name, HeaderValue::try_from(value).map_err(http::Error::from)?);
        }
        deadlines::websocket(&self.url, headers, config(written), self.timeout).await
    }

    /// The error of a connection that broke or could not be made.
    pub(super) fn broken(&self, error: tungstenite::Error) -> Error {
        broken(&self.url, error)
    }
}

fn broken(url: &str, error: tungstenite::Error) -> Error {
    let source = match error {
        tungstenite::Error::Io(error) => error,
        other => io::Error::other(other),
    };
    Error::Connector(ConnectorError::Connection { address: shown(url), source: Arc::new(source) })
}

/// Sends messages, and discards what the server sends meanwhile: it may read nothing until its own messages are read.
pub(crate) async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    messages: impl Iterator<Item = Message>,
) -> tungstenite::Result<()> {
    for message in messages {
        discarding(socket, WebSocketStream::poll_ready_unpin).await?;
        socket.start_send_unpin(message)?;
    }
    discarding(socket, WebSocketStream::poll_flush_unpin).await
}

/// Polls `step` until it is done, and discards what the server sends while it has to wait.
async fn discarding<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    step: impl Fn(&mut WebSocketStream<S>, &mut Context<'_>) -> Poll<tungstenite::Result<()>>,
) -> tungstenite::Result<()> {
    poll_fn(|context| {
        for _ in 0..DISCARDS {
            if let Poll::Ready(done) = step(socket, context) {
                return Poll::Ready(done);
            }
            match socket.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(message))) if !message.is_close() => {}
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(_) => return Poll::Ready(Err(tungstenite::Error::ConnectionClosed)),
                Poll::Pending => return Poll::Pending,
            }
        }
        // Other tasks have their turn.
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// Whether the server has not closed the connection, as far as its next messages tell. Reading them also answers its
/// pings.
pub(crate) async fn is_open(socket: &mut (impl Stream<Item = tungstenite::Result<Message>> + Unpin)) -> bool {
    poll_fn(|context| {
        for _ in 0..DISCARDS {
            match socket.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(message))) if !message.is_close() => {}
                Poll::Ready(_) => return Poll::Ready(false),
                Poll::Pending => break,
            }
        }
        Poll::Ready(true)
    })
    .await
}
