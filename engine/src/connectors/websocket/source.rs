//! The source `websocket`: messages from a server.

use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_util::sync::CancellationToken;

use super::socket::{Server, send};
use crate::connectors::support::backoff::waits;
use crate::deadlines::{CLOSE, Socket};
use crate::graph::{Feed, next};
use crate::net::url::shown;
use crate::record::Record;
use crate::{Error, FaultPolicy, Source};

/// The source's name in faults.
const NAME: &str = "websocket";

/// Connects to a WebSocket, as `wss://example.org/ticks`, and emits each message as a record, whether text or bytes.
///
/// A message has at most 32 MiB. One that is longer, or a text that is not UTF-8, is a fault (see
/// [`on_fault`](WebSocket::on_fault)); the source tells the server why by closing the connection, and connects again. The
/// source ends when the server closes the connection with code 1000 or without a code; any other code counts as a broken
/// connection, and the error names the code and the reason. While the graph is full, nothing is read. Messages are not
/// acknowledged: what the server sends while the connection is down is lost.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use futures_util::{SinkExt, StreamExt};
/// # use tokio_tungstenite::tungstenite::Message;
/// use engine::sources::{self, Feed};
/// use engine::{CancellationToken, Source, sinks};
///
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let url = format!("ws://{}/ticks", listener.local_addr()?);
/// # tokio::spawn(async move {
/// #     let socket = listener.accept().await.unwrap().0;
/// #     let mut socket = tokio_tungstenite::accept_async(socket).await.unwrap();
/// #     socket.send(Message::text("1")).await.unwrap();
/// #     socket.send(Message::text("2")).await.unwrap();
/// #     socket.close(None).await.unwrap();
/// #     while socket.next().await.is_some() {}
/// # });
/// // A server at `url` sends 1 and 2, and closes the connection.
/// let source = Source::new();
/// let (sink, ticks) = sinks::list::<i64>();
/// source.stream().sink(sink);
/// sources::websocket(url).retries(10).feed(&source, &CancellationToken::new()).await?;
/// source.close().await?;
/// assert_eq!(ticks.take(), [1, 2]);
/// # Ok(()) }
/// ```
pub fn websocket(url: impl Into<String>) -> WebSocket {
    WebSocket {
        server: Server::new(url.into()),
        first: Vec::new(),
        retries: 0,
        reconnect: false,
        policy: FaultPolicy::skip(),
    }
}

/// See [`websocket`].
#[derive(Clone, Debug)]
pub struct WebSocket {
    server: Server,
    /// The texts that each connection begins with.
    first: Vec<String>,
    retries: usize,
    reconnect: bool,
    policy: FaultPolicy,
}

impl WebSocket {
    /// Adds a header to the handshake, such as `Authorization`.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.server.headers.push((name.into(), value.into()));
        self
    }

    /// Sends this text at the beginning of each connection, such as a subscription. It can be called for several texts.
    #[must_use]
    pub fn send_first(mut self, text: impl Into<String>) -> Self {
        self.first.push(text.into());
        self
    }

    /// Says what happens if a message is too long, or is a text that is not UTF-8. By default it is left out, and the
    /// source goes on. The rest of such a message can't be skipped, so its connection is closed, and its record is empty.
    /// If the next connection brings no other message before such a one again, that counts for
    /// [`retries`](Self::retries).
    #[must_use]
    pub fn on_fault(mut self, policy: &FaultPolicy) -> Self {
        self.policy = policy.clone();
        self
    }

    /// If it can't connect, or the connection breaks, connects again after 100 ms, then after twice as long each
    /// time, up to 10 s, this many times without a message between. 0 by default. What the server sends meanwhile is
    /// lost.
    #[must_use]
    pub fn retries(mut self, retries: usize) -> Self {
        self.retries = retries;
        self
    }

    /// If `reconnect`, a connection that the server closes counts as broken.
    #[must_use]
    pub fn reconnect(mut self, reconnect: bool) -> Self {
        self.reconnect = reconnect;
        self
    }

    /// Limits how long the server may take to accept the connection, to finish the handshake, and later to read the
    /// answers to its pings. 30 s each by default. Waiting for a message has no limit.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.server.timeout = timeout;
        self
    }

    /// Connects, and sends the first messages.
    async fn connect(&self) -> tungstenite::Result<Socket> {
        let longest = self.first.iter().map(String::len).max().unwrap_or(0);
        let mut socket = self.server.connect(longest).await?;
        send(&mut socket, self.first.iter().map(Message::text)).await?;
        Ok(socket)
    }

    /// Connects, and emits messages until the connection ends. Returns whether any came, and how it ended; none if
    /// the source was stopped.
    async fn read<T: Record>(
        &self,
        source: &Source<T>,
        stop: &CancellationToken,
    ) -> Result<Option<(bool, tungstenite::Result<()>)>, Error> {
        let mut socket = match next(source, stop, self.connect()).await? {
            None => return Ok(None),
            Some(Ok(socket)) => socket,
            Some(Err(error)) => return Ok(Some((false, Err(error)))),
        };
        let read = messages(&mut socket, source, stop).await?;
        let refused = read.as_ref().and_then(|(_, ended)| refused(ended));
        if read.is_none() || refused.is_some() {
            let frame = refused
                .as_ref()
                .map(|(code, reason)| CloseFrame { code: *code, reason: reason.clone().into() });
            // A server that does not answer is left.
            let _ = CLOSE.within(&shown(&self.server.url), socket.close(frame)).await;
        }
        if let Some((_, reason)) = refused {
            source
                .refuse(&[], NAME, format!("{reason}, from {}", shown(&self.server.url)), &self.policy)
                .await?;
        }
        Ok(read)
    }
}

/// Why a connection ended with a message that can't be a record, and the code that tells its server so.
fn refused(ended: &tungstenite::Result<()>) -> Option<(CloseCode, String)> {
    match ended {
        Err(tungstenite::Error::Capacity(error)) => Some((CloseCode::Size, error.to_string())),
        Err(error @ tungstenite::Error::Utf8(_)) => Some((CloseCode::Invalid, error.to_string())),
        _ => None,
    }
}

/// Emits messages until the connection ends. Returns whether any came, and how it ended; none if the source was
/// stopped.
pub(crate) async fn messages<T: Record, S: AsyncRead + AsyncWrite + Unpin + Send>(
    socket: &mut WebSocketStream<S>,
    source: &Source<T>,
    stop: &CancellationToken,
) -> Result<Option<(bool, tungstenite::Result<()>)>, Error> {
    let mut any = false;
    loop {
        match next(source, stop, socket.next()).await {
            Ok(Some(Some(Ok(Message::Text(text))))) => source.emit_records([text.as_bytes()]).await?,
            Ok(Some(Some(Ok(Message::Binary(bytes))))) => source.emit_records([&bytes[..]]).await?,
            Ok(Some(Some(Ok(Message::Close(frame))))) => return Ok(Some((any, closed(frame)))),
            Ok(Some(None)) => return Ok(Some((any, Ok(())))),
            Ok(Some(Some(Ok(_)))) => continue,
            Ok(Some(Some(Err(error)))) => return Ok(Some((any, Err(error)))),
            Ok(None) => return Ok(None),
            Err(error) => return Err(error),
        }
        any = true;
    }
}

/// How a connection ended that the server closed: an error, unless the code is 1000 or there is none.
fn closed(frame: Option<CloseFrame>) -> tungstenite::Result<()> {
    let Some(CloseFrame { code, reason }) = frame.filter(|frame| frame.code != CloseCode::Normal) else {
        return Ok(());
    };
    let code = u16::from(code);
    let said = if reason.is_empty() {
        format!("the server closed it with code {code}")
    } else {
        format!("the server closed it with code {code} and the reason {:?}", reason.as_str())
    };
    let said = format!("{said}; raise `retries` to connect again");
    Err(tungstenite::Error::Io(io::Error::new(io::ErrorKind::ConnectionAborted, said)))
}

impl<T: Record> Feed<T> for WebSocket {
    async fn feed(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        let mut pauses = waits(self.retries);
        // Whether a message that is refused is followed by another connection whatever the retries.
        let mut goes_on = true;
        while let Some((any, ended)) = self.read(source, stop).await? {
            if any {
                (pauses, goes_on) = (waits(self.retries), true);
            }
            let wait = match &ended {
                Ok(()) if !self.reconnect => None,
                ended if refused(ended).is_some() && std::mem::take(&mut goes_on) => waits(1).next(),
                _ => pauses.next(),
            };
            let Some(wait) = wait else { return ended.map_err(|error| self.server.broken(error)) };
            if next(source, stop, sleep(wait)).await?.is_none() {
                break;
            }
        }
        Ok(())
    }
}
