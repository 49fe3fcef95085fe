//! The source `tcp`: lines from the connections that clients make.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::connections::{ConnectionLimit, ListenAddress};
use crate::connectors::support::formats::splitter::{Cut, Splitter};
use crate::deadlines::SILENT;
use crate::error::ConnectorError;
use crate::graph::{Feed, next};
use crate::record::{Batch, LONGEST, Record};
use crate::{Error, FaultPolicy, Source};

/// The most bytes that are read from a connection at once.
const BLOCK: usize = 16 << 10;

/// Accepts TCP connections at an address, and emits each line that comes on them.
///
/// The lines of one connection keep their order, and a last line without a newline counts. While the graph is full,
/// connections are not read from.
///
/// A line that is too long, or during which its connection breaks, is a fault (see [`on_fault`](Tcp::on_fault)). The
/// lines after one that is too long are emitted as all others. When the source is stopped, it still emits the whole
/// lines that it has read. It acknowledges nothing to the client, so what a client sends around that time may be lost.
///
/// A connection that sends nothing stays open, unless [`idle`](Tcp::idle) limits how long. While all
/// [`connections`](Tcp::connections) are taken and another client waits, a connection that has sent no whole line for
/// a minute is closed.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use engine::sources::{self, Feed};
/// use engine::{CancellationToken, Source};
/// use tokio::io::AsyncWriteExt;
///
/// let (source, stop) = (Source::new(), CancellationToken::new());
/// let stopped = stop.clone();
/// source.stream().sink(move |line: String| {
///     assert_eq!(line, "hello");
///     stopped.cancel();
/// });
/// let tcp = sources::tcp("127.0.0.1:0").bind().await?;
/// let address = tcp.local_addr().expect("it is bound");
/// tokio::spawn(async move {
///     let mut client = tokio::net::TcpStream::connect(address).await?;
///     client.write_all(b"hello\n").await
/// });
/// tcp.feed(&source, &stop).await?;
/// source.close().await?;
/// # Ok(()) }
/// ```
pub fn tcp(address: impl Into<String>) -> Tcp {
    Tcp {
        listen: ListenAddress::new(address),
        connections: 256,
        longest: 1 << 20,
        separator: b'\n',
        idle: None,
        broken: Arc::new(|_| {}),
        policy: FaultPolicy::skip(),
        tells: false,
    }
}

/// See [`tcp`].
pub struct Tcp {
    listen: ListenAddress,
    connections: usize,
    longest: usize,
    separator: u8,
    idle: Option<Duration>,
    broken: OnBroken,
    policy: FaultPolicy,
    tells: bool,
}

type OnBroken = Arc<dyn Fn(Error) + Send + Sync>;

impl std::fmt::Debug for Tcp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tcp").field("address", &self.listen.address()).finish_non_exhaustive()
    }
}

impl Tcp {
    /// Serves this many connections at the same time; others wait. 256 by default, and at least 1.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// Ends records at another byte, instead of a newline. Carriage returns are then kept.
    #[must_use]
    pub fn separated_by(mut self, separator: u8) -> Self {
        self.separator = separator;
        self
    }

    /// Limits a line to this many bytes. 1 MiB by default, and at most 32 MiB.
    #[must_use]
    pub fn longest_line(mut self, bytes: usize) -> Self {
        self.longest = bytes.min(LONGEST);
        self
    }

    /// Closes a connection that sends nothing for this long, as if it broke. By default none is closed for that.
    #[must_use]
    pub fn idle(mut self, time: Duration) -> Self {
        self.idle = Some(time);
        self
    }

    /// Says what happens to a line that is too long, or during which its connection breaks: its record is what was read
    /// of it until then. By default it is left out, and the source goes on. Nothing can be read twice, so retries of
    /// `policy` are not used.
    #[must_use]
    pub fn on_fault(mut self, policy: &FaultPolicy) -> Self {
        self.policy = policy.clone();
        self
    }

    /// If `tells`, writes a line that begins with `error: ` to a client that sent a line that is too long. False by
    /// default: a client that closes its connection without reading such a line may lose what it sent last.
    #[must_use]
    pub fn tell_errors(mut self, tells: bool) -> Self {
        self.tells = tells;
        self
    }

    /// Calls `told` with a [`ConnectorError::Connection`](crate::error::ConnectorError::Connection) for each connection
    /// that breaks.
    #[must_use]
    pub fn on_broken(mut self, told: impl Fn(Error) + Send + Sync + 'static) -> Self {
        self.broken = Arc::new(told);
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

impl<T: Record> Feed<T> for Tcp {
    async fn feed(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        let Self { listen, connections, longest, separator, idle, broken, policy, tells } = self;
        let (sender, mut pieces) = channel(1);
        let limit = ConnectionLimit::new(connections);
        let reader = Reader {
            longest,
            separator,
            idle,
            broken,
            tells,
            sender,
            limit: limit.clone(),
            stop: stop.clone(),
        };
        let serve = move |connection, peer| reader.clone().serve(connection, peer);
        let serving = listen.serve(limit, stop.clone(), serve).await?;
        // Lines that were read are emitted even if the source is stopped: the tasks end then.
        loop {
            let piece = match pieces.try_recv() {
                Ok(piece) => piece,
                Err(_) => {
                    source.pause().await?;
                    let coming = next(source, &CancellationToken::new(), pieces.recv()).await?;
                    let Some(piece) = coming.flatten() else { break };
                    piece
                }
            };
            match piece {
                Piece::Lines(batch) => source.emit_batch(batch).await?,
                Piece::Refused(line, reason) => source.refuse(&line, "tcp", reason, &policy).await?,
            }
        }
        serving.join_all().await;
        Ok(())
    }
}

/// What was read from a connection.
enum Piece {
    Lines(Batch),
    /// The part of a line that was read, and why the rest was not.
    Refused(Vec<u8>, String),
}

/// Reads connections.
#[derive(Clone)]
struct Reader {
    longest: usize,
    separator: u8,
    idle: Option<Duration>,
    broken: OnBroken,
    tells: bool,
    sender: Sender<Piece>,
    limit: ConnectionLimit,
    stop: CancellationToken,
}

impl Reader {
    async fn serve(self, connection: TcpStream, peer: SocketAddr) {
        let mut splitter = Splitter::new(self.separator, self.longest);
        let Err(error) = self.read(connection, peer, &mut splitter).await else { return };
        if let Some(line) = splitter.rest() {
            let reason = format!("the connection with {peer} broke within it: {error}");
            self.pass(Piece::Refused(line, reason)).await;
        }
        (self.broken)(Error::Connector(ConnectorError::Connection {
            address: peer.to_string(),
            source: Arc::new(error),
        }));
    }

    async fn read(
        &self,
        mut connection: TcpStream,
        peer: SocketAddr,
        splitter: &mut Splitter,
    ) -> io::Result<()> {
        let (mut block, mut brought) = (vec![0; BLOCK], Instant::now());
        loop {
            let reading = self.read_block(&mut connection, &mut block, brought);
            let reading = self.stop.run_until_cancelled(reading);
            let Some(read) = reading.await.transpose()? else { return Ok(()) };
            if read == 0 {
                if let Some(last) = splitter.end() {
                    self.pass(Piece::Lines(last)).await;
                }
                return Ok(());
            }
            let mut bytes = &block[..read];
            while !bytes.is_empty() {
                let Cut { records, too_long } = splitter.take(&mut bytes);
                if let Some(records) = records.filter(|records| !records.is_empty()) {
                    self.pass(Piece::Lines(records)).await;
                    brought = Instant::now();
                }
                if let Some(line) = too_long {
                    self.refuse(line, &connection, peer).await;
                }
            }
        }
    }

    /// Refuses a line that is too long.
    async fn refuse(&self, line: Vec<u8>, connection: &TcpStream, peer: SocketAddr) {
        let reason = format!("it is longer than {}", ByteSize(self.longest as u64));
        self.pass(Piece::Refused(line, format!("{reason}, from {peer}"))).await;
        if self.tells {
            // A client that reads nothing does not hold the source up.
            let _ = connection.try_write(format!("error: a line was left out: {reason}\n").as_bytes());
        }
    }

    /// Reads what comes; `brought` is when the last whole line came.
    async fn read_block(
        &self,
        connection: &mut TcpStream,
        block: &mut [u8],
        brought: Instant,
    ) -> io::Result<usize> {
        let idle = async {
            match self.idle {
                Some(idle) => tokio::time::sleep(idle).await,
                None => std::future::pending().await,
            }
        };
        let reason = tokio::select! {
            biased;
            read = connection.read(block) => return read,
            () = idle => "it has sent nothing for too long",
            () = self.limit.wanted_after(brought + SILENT.time) => "it sent no complete line in time, and other clients wait",
        };
        Err(io::Error::new(io::ErrorKind::TimedOut, reason))
    }

    /// Hands a piece to the source. Nothing receives it after the run has failed.
    async fn pass(&self, piece: Piece) {
        let _ = self.sender.send(piece).await;
    }
}
