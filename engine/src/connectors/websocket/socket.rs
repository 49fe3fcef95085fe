//! WebSocket connections: making one, sending on it, and seeing whether it is open.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message, protocol::WebSocketConfig};

use crate::Error;
use crate::deadlines::{self, Socket};
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

/// Connects to a URL, with TLS for `wss` URLs. The timeout is for each step of that, and later for the server to read
/// anything of what is written: messages of up to `written` bytes.
pub(crate) async fn connect(url: &str, written: usize, timeout: Duration) -> tungstenite::Result<Socket> {
    deadlines::websocket(url, config(written), timeout).await
}

/// The error of a connection that broke or could not be made.
pub(crate) fn broken(url: &str, error: tungstenite::Error) -> Error {
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
