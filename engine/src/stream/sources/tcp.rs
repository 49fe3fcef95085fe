//! Lines from connections that others make.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Feed;
use super::feed::next;
use super::splitter::{Cut, Splitter};
use crate::record::{Batch, Record};
use crate::{Error, Source};

/// How much of a connection is read at once.
const BLOCK: usize = 16 << 10;

/// A source of the lines that come by TCP connections: those of a connection in their order, a last one without a
/// newline among them. While the graph is full, connections are not read from.
///
/// A connection that breaks, or sends a line that is too long, is closed, and harms no other; see
/// [`on_broken`](Tcp::on_broken). When the source is stopped, lines that were read whole are emitted.
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
        address: address.into(),
        listener: None,
        connections: 256,
        longest: 1 << 20,
        broken: Arc::new(|_| {}),
    }
}

/// See [`tcp`].
pub struct Tcp {
    address: String,
    listener: Option<TcpListener>,
    connections: usize,
    longest: usize,
    broken: OnBroken,
}

type OnBroken = Arc<dyn Fn(Error) + Send + Sync>;

impl std::fmt::Debug for Tcp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tcp").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Tcp {
    /// The same; so many connections are served at once, others wait. 256, if not said.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// The same; a line has so many bytes at most. 1 MiB, if not said; 32 MiB is the most.
    #[must_use]
    pub fn longest_line(mut self, bytes: usize) -> Self {
        self.longest = bytes.min(crate::record::LONGEST);
        self
    }

    /// The same; `told` is given an [`Error::Connection`] for each that breaks.
    #[must_use]
    pub fn on_broken(mut self, told: impl Fn(Error) + Send + Sync + 'static) -> Self {
        self.broken = Arc::new(told);
        self
    }

    /// The same on a listener that is bound already.
    #[must_use]
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Binds it now, not when it begins to feed.
    ///
    /// # Errors
    ///
    /// If the address can't be listened at.
    pub async fn bind(mut self) -> Result<Self, Error> {
        if self.listener.is_none() {
            self.listener = Some(bind(&self.address).await?);
        }
        Ok(self)
    }

    /// Where it listens, if it is bound.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listener.as_ref()?.local_addr().ok()
    }
}

/// Listens at an address.
pub(super) async fn bind(address: &str) -> Result<TcpListener, Error> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| Error::Listen { address: address.to_owned(), source: Arc::new(error) })
}

impl<T: Record> Feed<T> for Tcp {
    async fn feed(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        let Self { address, listener, connections, longest, broken } = self;
        let listener = match listener {
            Some(listener) => listener,
            None => bind(&address).await?,
        };
        let (sender, mut lines) = channel(1);
        // Dropped, it ends its tasks.
        let mut listening = JoinSet::new();
        let reader = Reader { longest, broken, sender, stop: stop.clone() };
        listening.spawn(accept(listener, connections, reader));
        // Lines that were read are emitted, also when it is to stop: the tasks end then.
        loop {
            let batch = match lines.try_recv() {
                Ok(batch) => batch,
                Err(_) => {
                    source.pause().await?;
                    let coming = next(source, &CancellationToken::new(), lines.recv()).await?;
                    let Some(batch) = coming.flatten() else { return Ok(()) };
                    batch
                }
            };
            source.emit_batch(batch).await?;
        }
    }
}

/// What reads connections.
#[derive(Clone)]
struct Reader {
    longest: usize,
    broken: OnBroken,
    sender: Sender<Batch>,
    stop: CancellationToken,
}

/// Takes connections until it is to stop.
async fn accept(listener: TcpListener, connections: usize, reader: Reader) {
    let places = Arc::new(Semaphore::new(connections));
    let mut tasks = JoinSet::new();
    while let Some(Ok(place)) = reader.stop.run_until_cancelled(places.clone().acquire_owned()).await {
        while tasks.try_join_next().is_some() {}
        let Some(accepted) = reader.stop.run_until_cancelled(listener.accept()).await else { break };
        match accepted {
            Ok((connection, peer)) => {
                tasks.spawn(reader.clone().serve(connection, peer, place));
            }
            // It was gone before it was served, or too many files are open: which others may close.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
    drop(listener);
    tasks.join_all().await;
}

impl Reader {
    async fn serve(self, connection: TcpStream, peer: SocketAddr, _place: OwnedSemaphorePermit) {
        if let Err(error) = self.read(connection).await {
            (self.broken)(Error::Connection { address: peer.to_string(), source: Arc::new(error) });
        }
    }

    async fn read(&self, mut connection: TcpStream) -> io::Result<()> {
        let (mut splitter, mut block) = (Splitter::new(b'\n', self.longest), vec![0; BLOCK]);
        loop {
            let reading = self.stop.run_until_cancelled(connection.read(&mut block));
            let Some(read) = reading.await.transpose()? else { return Ok(()) };
            let Cut { records, too_long } = match read {
                0 => Cut { records: splitter.end(), too_long: false },
                read => splitter.take(&block[..read]),
            };
            if let Some(records) = records {
                // If nobody takes them, the run has failed.
                let _ = self.sender.send(records).await;
            }
            if too_long {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long"));
            }
            if read == 0 {
                return Ok(());
            }
        }
    }
}
