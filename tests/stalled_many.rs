//! A thousand peers that stall at once, at each step of each protocol: every wait for them ends.

use std::net::SocketAddr;
use std::time::Duration;

use engine::sources::{self, Feed};
use engine::{CancellationToken, Error, FaultPolicy, Source, sinks};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::stalled::upgrade;
use crate::support::put;

/// A wait longer than this counts as endless.
const END: Duration = Duration::from_secs(600);

/// At which step a peer stalls.
#[derive(Clone, Copy, Debug)]
enum Stall {
    /// It sends this, and nothing more.
    Says(&'static str),
    /// It sends this, a byte each second, over and over.
    Trickles(&'static str),
    /// It answers the handshake of a WebSocket, sends this so often, and reads nothing.
    Upgrades(&'static [u8], usize),
    /// It answers the handshake, reads, and closes nothing.
    NeverCloses,
}

impl Stall {
    /// Stalls on a connection, which stays open.
    async fn at(self, mut connection: TcpStream) {
        match self {
            Self::Says(words) => drop(connection.write_all(words.as_bytes()).await),
            Self::Trickles(words) => {
                for byte in words.bytes().cycle() {
                    // A client that is slow, not one that is waited for.
                    sleep(Duration::from_secs(1)).await;
                    if connection.write_all(&[byte]).await.is_err() {
                        return;
                    }
                }
            }
            Self::Upgrades(words, times) => {
                upgrade(&mut connection).await;
                let _ = connection.write_all(&words.repeat(times)).await;
            }
            Self::NeverCloses => {
                upgrade(&mut connection).await;
                let _ = tokio::io::copy(&mut connection, &mut tokio::io::sink()).await;
            }
        }
        std::future::pending::<()>().await;
    }

    /// A server on which each connection stalls this way.
    async fn serve(self) -> SocketAddr {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener: TcpListener = socket.listen(1024).unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                connections.spawn(self.at(connection));
            }
        });
        address
    }
}

/// A client of such a server, and its scheme.
#[derive(Clone, Copy, Debug)]
enum Client {
    Reads(&'static str),
    Sends(&'static str),
    Posts(&'static str),
    Writes,
    Pulls,
    Publishes,
}

impl Client {
    /// Talks to a server until the end.
    async fn meets(self, address: SocketAddr) -> Result<(), Error> {
        let records = || (0..8).map(|_| "x".repeat(1 << 20));
        let stop = CancellationToken::new();
        let source = Source::<String>::new();
        let broker = || format!("nats://{address}").parse().unwrap();
        match self {
            Self::Reads(scheme) => {
                sources::websocket(format!("{scheme}://{address}/")).feed(&source, &stop).await
            }
            Self::Sends(scheme) => {
                put(records(), sinks::websocket(format!("{scheme}://{address}/")).retries(0)).await
            }
            Self::Posts(scheme) => put([1], sinks::http(format!("{scheme}://{address}/")).retries(1)).await,
            Self::Writes => put(records(), sinks::tcp(address.to_string()).retries(0)).await,
            Self::Pulls => sources::nats(broker(), "S", "c").feed(&source, &stop).await,
            Self::Publishes => put([1], sinks::nats(broker(), "s")).await,
        }
    }
}

/// Half of a server's first TLS record.
const HALF_TLS: &str = "\x16\x03\x03\x00\x7a\x02";
const HALF_LINE: &str = "HTTP/1.1 1";
const HALF_HEAD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs";
const ENDLESS_HEAD: &str = "HTTP/1.1 200 OK\r\nA: a\r\n";
const HALF_INFO: &str = "INFO {\"server_id\":\"x\",";
const INFO: &str = "INFO {\"server_id\":\"x\",\"version\":\"2.12.0\",\"max_payload\":1048576,\"headers\":true,\"proto\":1}\r\n";
const INFO_AND_PONG: &str = "INFO {\"server_id\":\"x\",\"version\":\"2.12.0\",\"max_payload\":1048576,\"headers\":true,\
                             \"jetstream\":true,\"proto\":1}\r\nPONG\r\n";
const PING: &[u8] = &[0x89, 4, b'p', b'i', b'n', b'g'];

/// Each client with each step at which its server may stall, and how many of them there are.
fn cases() -> Vec<(Client, Stall, usize)> {
    let mut cases = Vec::new();
    for words in ["", HALF_LINE, HALF_HEAD] {
        for client in [Client::Reads("ws"), Client::Sends("ws"), Client::Posts("http")] {
            cases.push((client, Stall::Says(words), 40));
        }
    }
    for words in ["", HALF_TLS] {
        for client in [Client::Reads("wss"), Client::Sends("wss"), Client::Posts("https")] {
            cases.push((client, Stall::Says(words), 20));
        }
    }
    for client in [Client::Reads("ws"), Client::Sends("ws"), Client::Posts("http")] {
        cases.push((client, Stall::Trickles(ENDLESS_HEAD), 40));
    }
    for words in ["", HALF_INFO, INFO, INFO_AND_PONG] {
        cases.push((Client::Pulls, Stall::Says(words), 20));
        cases.push((Client::Publishes, Stall::Says(words), 20));
    }
    cases.extend([
        (Client::Writes, Stall::Says(""), 20),
        (Client::Sends("ws"), Stall::Upgrades(b"", 0), 20),
        (Client::Sends("ws"), Stall::Upgrades(PING, 1000), 20),
        (Client::Sends("ws"), Stall::NeverCloses, 20),
        (Client::Reads("ws"), Stall::Upgrades(PING, 1 << 20), 2),
    ]);
    cases
}

/// Allows as many descriptors as the connections need.
fn allow_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit }).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stalls_at_any_step_times_out() {
    allow_descriptors();
    let mut clients = JoinSet::new();
    for (client, stall, many) in cases() {
        let address = stall.serve().await;
        for _ in 0..many {
            clients.spawn(async move { (client, stall, timeout(END, client.meets(address)).await) });
        }
    }
    assert!(clients.len() > 700, "{}", clients.len());
    while let Some(ended) = clients.join_next().await {
        let (client, stall, ended) = ended.unwrap();
        let ended = ended.unwrap_or_else(|_| panic!("{client:?} waits for one that stalls: {stall:?}"));
        // A sink that does not get the close has delivered all.
        let got_all = matches!(stall, Stall::NeverCloses);
        assert_eq!(ended.is_ok(), got_all, "{client:?} {stall:?}: {ended:?}");
    }
}

/// Connections of clients that stall this way, as long as the set lives.
async fn stalled_clients(address: SocketAddr, stalls: &[Stall], each: usize) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for stall in stalls {
        for _ in 0..each {
            let connection = TcpStream::connect(address).await.unwrap();
            clients.spawn(stall.at(connection));
        }
    }
    clients
}

#[tokio::test(start_paused = true)]
async fn clients_that_stall_at_any_step_block_no_others() {
    allow_descriptors();
    let (stop, policy) = (CancellationToken::new(), FaultPolicy::skip());
    let http = sources::http("127.0.0.1:0").connections(120).bind().await.unwrap();
    let tcp = sources::tcp("127.0.0.1:0").connections(120).on_fault(&policy).bind().await.unwrap();
    let (posts, lines) = (http.local_addr().unwrap(), tcp.local_addr().unwrap());
    let steps = [
        "",
        "POST / HT",
        "POST / HTTP/1.1\r\nHost: x\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n1",
    ];
    let steps = steps.map(Stall::Says);
    let clients = async {
        let _stalled = (
            stalled_clients(posts, &steps, 35).await,
            stalled_clients(posts, &[Stall::Trickles("POST / HTTP/1.1\r\nA: a\r\nA: a\r\n")], 35).await,
            stalled_clients(lines, &[Stall::Says(""), Stall::Says("half"), Stall::Trickles("x")], 50).await,
        );
        let mut client = TcpStream::connect(posts).await.unwrap();
        client.write_all(b"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\n1").await.unwrap();
        let mut answer = String::new();
        let read = timeout(END, client.read_to_string(&mut answer)).await;
        read.expect("it is let in").unwrap();
        assert!(answer.starts_with("HTTP/1.0 202"), "{answer}");
        let mut client = TcpStream::connect(lines).await.unwrap();
        client.write_all(b"2\n").await.unwrap();
        client.shutdown().await.unwrap();
        // It is closed when all of it was read.
        timeout(END, client.read_to_string(&mut answer)).await.expect("it is let in").unwrap();
        stop.cancel();
    };
    let (posted, told) = (Source::<String>::new(), Source::<String>::new());
    let (fed, lined, ()) = tokio::join!(http.feed(&posted, &stop), tcp.feed(&told, &stop), clients);
    fed.and(lined).unwrap();
    assert_eq!(
        (
            posted.progress().counts().emitted,
            told.progress().counts().emitted - told.progress().counts().faults
        ),
        (1, 1)
    );
}
