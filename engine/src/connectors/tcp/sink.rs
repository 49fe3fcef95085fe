//! The sink `tcp`: lines over a connection to a server.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::Error;
use crate::connectors::support::backoff::waits;
use crate::connectors::support::consumers::{Consumer, Records, Refusal, records};
use crate::deadlines::{self, CLOSE, CONNECT, Timely, WRITE};
use crate::error::ConnectorError;
use crate::graph::{Sink, Stream};
use crate::record::Record;

/// The most bytes that are read at once of what the server sends, which is discarded.
const SCRAP: usize = 1 << 10;

/// The most reads before each write.
const DISCARDS: usize = 64;

/// Writes each record to a TCP connection, followed by a newline. It connects when the first record comes.
///
/// If it can't connect, or the connection breaks, it connects again after 100 ms, then after twice as long each time,
/// up to 10 s; the run fails after [`retries`](Tcp::retries) attempts in a row. The connection also counts as broken
/// if the server does not accept it, or does not read anything, within the [`timeout`](Tcp::timeout). While the
/// server does not read, the source waits.
///
/// Records that were in flight when a connection broke may be lost or arrive twice: TCP does not tell what the server
/// has read. What the server sends is read and discarded.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use engine::{Source, sinks};
/// use tokio::io::AsyncReadExt;
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let source = Source::new();
/// source.stream().sink(sinks::tcp(listener.local_addr()?.to_string()));
/// source.emit(1).await?;
/// source.close().await?;
/// let mut text = String::new();
/// listener.accept().await?.0.read_to_string(&mut text).await?;
/// assert_eq!(text, "1\n");
/// # Ok(()) }
/// ```
pub fn tcp(address: impl Into<String>) -> Tcp {
    Tcp { address: address.into(), separator: b'\n', retries: 10, timeout: WRITE.time }
}

/// See [`tcp`].
#[derive(Clone, Debug)]
pub struct Tcp {
    address: String,
    separator: u8,
    retries: usize,
    timeout: Duration,
}

impl Tcp {
    /// Writes another byte after each record, instead of a newline.
    #[must_use]
    pub fn separated_by(mut self, separator: u8) -> Self {
        self.separator = separator;
        self
    }

    /// Connects again this many times in a row before the run fails. 10 by default.
    #[must_use]
    pub fn retries(mut self, retries: usize) -> Self {
        self.retries = retries;
        self
    }

    /// Limits how long the server may take to accept the connection, and later to read anything of what is written.
    /// 30 s each by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl<T: Record> Sink<T> for Tcp {
    fn attach(self, stream: Stream<T>) {
        stream.sink(records(Writer { tcp: self, connection: None, answers: false }));
    }
}

/// The connection, while there is one.
struct Writer {
    tcp: Tcp,
    connection: Option<TcpStream>,
    /// The server has sent something.
    answers: bool,
}

impl Writer {
    /// Writes on a connection that is there, or on a new one.
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        // This lets the runtime see that the server has closed the connection.
        yield_now().await;
        let mut connection = match self.connection.take() {
            Some(connection) if self.is_open(&connection) => connection,
            _ => deadlines::tcp(&self.tcp.address, CONNECT.of(self.tcp.timeout)).await?,
        };
        let (mut theirs, ours) = connection.split();
        let mut ours = Timely::new(ours, &self.tcp.address, WRITE.of(self.tcp.timeout));
        let (mut scrap, mut may_answer) = ([0; SCRAP], true);
        let writing = ours.write_all(bytes);
        tokio::pin!(writing);
        loop {
            tokio::select! {
                written = &mut writing => break written?,
                // A server that answers may read no more until its answer is read.
                read = theirs.read(&mut scrap), if may_answer => {
                    may_answer = read.is_ok_and(|read| read > 0);
                    self.answers |= may_answer;
                }
            }
        }
        self.connection = Some(connection);
        Ok(())
    }

    fn broken(&self, error: io::Error) -> Error {
        let address = self.tcp.address.clone();
        Error::Connector(ConnectorError::Connection { address, source: Arc::new(error) })
    }

    /// Whether the server has not closed the connection, as far as what it sent tells. Discards that.
    fn is_open(&mut self, connection: &TcpStream) -> bool {
        let mut scrap = [0; SCRAP];
        for _ in 0..DISCARDS {
            match connection.try_read(&mut scrap) {
                Ok(0) => return false,
                Ok(_) => self.answers = true,
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
        true
    }
}

impl Consumer<Records> for Writer {
    async fn take(&mut self, mut records: Records) -> Result<(), Refusal> {
        let bytes = records.ended_by(self.tcp.separator);
        let mut waits = waits(self.tcp.retries);
        while let Err(error) = self.write(&bytes).await {
            let Some(wait) = waits.next() else { return Err(self.broken(error).into()) };
            sleep(wait).await;
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Error> {
        let Some(mut connection) = self.connection.take() else { return Ok(()) };
        // After a reset there is nothing to shut down, and the server may have lost records.
        if let Some(reset) = connection.take_error().unwrap_or_else(Some) {
            return Err(self.broken(reset));
        }
        let ended = connection.shutdown().await;
        if self.answers {
            // Unread answers would reset the connection when it is closed, and the server might lose our last
            // records.
            let _ = CLOSE.within(&self.tcp.address, copy(&mut connection, &mut sink())).await;
        }
        ended.map_err(|error| self.broken(error))
    }

    fn name(&self) -> &str {
        "tcp"
    }
}
