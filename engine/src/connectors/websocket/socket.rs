//! Connections that carry messages.

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

/// What may wait to be written beside messages: answers to pings. The latest stands for those that find no room.
const PONGS: usize = 1 << 20;

/// So many messages of the other side are left out at once.
const LEFT_OUT: usize = 64;

/// How messages are read and written, the longest of which has so many bytes if any are written. No more is kept of
/// what the other side does not read.
pub(crate) fn config(written: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST))
        .max_write_buffer_size(written + PONGS)
}

/// Connects to a URL, over TLS if it says wss. The other side may take so long for each step of it, and later until
/// it reads anything of what is written: messages of so many bytes at most.
pub(crate) async fn connect(url: &str, written: usize, timeout: Duration) -> tungstenite::Result<Socket> {
    deadlines::websocket(url, config(written), timeout).await
}

/// A connection broke, or could not be made.
pub(crate) fn broken(url: &str, error: tungstenite::Error) -> Error {
    let source = match error {
        tungstenite::Error::Io(error) => error,
        other => io::Error::other(other),
    };
    Error::Connector(ConnectorError::Connection { address: shown(url), source: Arc::new(source) })
}

/// Sends messages. What the other side sends meanwhile is left out: one that waits to be heard reads nothing.
pub(crate) async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    messages: impl Iterator<Item = Message>,
) -> tungstenite::Result<()> {
    for message in messages {
        hearing(socket, WebSocketStream::poll_ready_unpin).await?;
        socket.start_send_unpin(message)?;
    }
    hearing(socket, WebSocketStream::poll_flush_unpin).await
}

/// Does something until it is done, and hears the other side while it has to wait.
async fn hearing<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    does: impl Fn(&mut WebSocketStream<S>, &mut Context<'_>) -> Poll<tungstenite::Result<()>>,
) -> tungstenite::Result<()> {
    poll_fn(|context| {
        for _ in 0..LEFT_OUT {
            if let Poll::Ready(done) = does(socket, context) {
                return Poll::Ready(done);
            }
            match socket.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(message))) if !message.is_close() => {}
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(_) => return Poll::Ready(Err(tungstenite::Error::ConnectionClosed)),
                Poll::Pending => return Poll::Pending,
            }
        }
        // Others have their turn.
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// Whether the other side has not closed it, as far as can be seen from its next messages. Its pings are answered
/// by that.
pub(crate) async fn is_open(socket: &mut (impl Stream<Item = tungstenite::Result<Message>> + Unpin)) -> bool {
    poll_fn(|context| {
        for _ in 0..LEFT_OUT {
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
