//! What collects the records of a sink.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::panic::RefUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use futures_util::StreamExt;

use super::run::{Ended, Run, keep};
use crate::support::nats_server::NatsServer;
use crate::support::plugin;

/// The longest wait for a record.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a sink's records arrive.
pub(super) trait SinkPeer {
    /// The options of the sink, with its type.
    fn node(&self) -> String;

    /// How a record arrives.
    fn shown(&self, record: &str) -> String {
        record.to_owned()
    }

    /// Waits for so many records, and returns all that are there; none if they may be held, when the sink has begun.
    fn wait_for(&mut self, run: &Run, count: usize) -> Vec<String>;

    /// What arrived after that, when the run has ended.
    fn rest(&mut self, ended: &Ended) -> Vec<String>;

    /// Whether the sink may hold records until the end.
    fn may_hold(&self) -> bool {
        false
    }

    /// Whether a run or check has come to it.
    fn is_touched(&mut self) -> bool {
        false
    }

    /// The options of a sink that takes nothing, and what the message must name.
    fn refusing(&self) -> Option<(String, String)> {
        None
    }
}

type Make = fn(&Path) -> Option<Box<dyn SinkPeer>>;

/// All sinks, by name.
const PEERS: [(&str, Make); 10] = [
    ("stdout", |_| Some(Box::new(Stdout("type = \"stdout\"".to_owned())))),
    ("plugin", |_| Some(Box::new(Stdout(format!("type = \"plugin\"\nplugin = {:?}", plugin("print")))))),
    ("file", |folder| Some(Box::new(Text::new(folder, "type = \"file\"\npath = \"output\"")))),
    ("file: gzip", |folder| Some(Box::new(Gzip(folder.join("output.gz"))))),
    ("csv", |folder| Some(Box::new(Csv(Text::new(folder, "type = \"csv\"\npath = \"output\""))))),
    ("process", |folder| {
        let command = "type = \"process\"\ncommand = [\"sh\", \"-c\", \"cat > output\"]";
        Some(Box::new(Text::new(folder, command)))
    }),
    ("tcp", |_| Some(Box::new(Tcp::new()))),
    ("http", |_| Some(Box::new(Http::new()))),
    ("websocket", |_| Some(Box::new(WebSocket::new()))),
    ("nats", |_| Some(Box::new(Nats::start()?))),
];

/// Tries a promise with all peers, and names those that break it.
pub(super) fn each(promise: impl Fn(&Path, Box<dyn SinkPeer>) + RefUnwindSafe) {
    keep(&PEERS, |folder, make| {
        if let Some(peer) = make(folder) {
            promise(folder, peer);
        }
    });
}

/// The run's own output.
struct Stdout(String);

impl SinkPeer for Stdout {
    fn node(&self) -> String {
        self.0.clone()
    }

    fn wait_for(&mut self, run: &Run, count: usize) -> Vec<String> {
        run.lines(count)
    }

    fn rest(&mut self, ended: &Ended) -> Vec<String> {
        ended.rest.clone()
    }
}

/// Lines of a file.
struct Text {
    path: PathBuf,
    node: &'static str,
    seen: usize,
}

impl Text {
    fn new(folder: &Path, node: &'static str) -> Self {
        Self { path: folder.join("output"), node, seen: 0 }
    }

    /// All complete lines that are new.
    fn next(&mut self) -> Vec<String> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines = complete.lines().skip(self.seen);
        let new: Vec<_> = lines.map(str::to_owned).collect();
        self.seen += new.len();
        new
    }
}

impl SinkPeer for Text {
    fn node(&self) -> String {
        self.node.to_owned()
    }

    fn wait_for(&mut self, _: &Run, count: usize) -> Vec<String> {
        let begun = Instant::now();
        let mut all = Vec::new();
        while all.len() < count {
            assert!(begun.elapsed() < PATIENCE, "{} of {count} records arrived", all.len());
            // A file tells nobody when it grows.
            std::thread::sleep(Duration::from_millis(5));
            all.extend(self.next());
        }
        all
    }

    fn rest(&mut self, _: &Ended) -> Vec<String> {
        self.next()
    }

    fn is_touched(&mut self) -> bool {
        self.path.exists()
    }

    fn refusing(&self) -> Option<(String, String)> {
        // What a command has done with what it was given is not known.
        let is_file = !self.node.contains("command");
        is_file.then(|| (self.node.replace("\"output\"", "\"/dev/full\""), "/dev/full".to_owned()))
    }
}

/// A compressed file.
struct Gzip(PathBuf);

impl SinkPeer for Gzip {
    fn node(&self) -> String {
        "type = \"file\"\npath = \"output.gz\"\ngzip = true".to_owned()
    }

    fn wait_for(&mut self, _: &Run, _: usize) -> Vec<String> {
        let begun = Instant::now();
        // A file tells nobody when it is made.
        while !self.is_touched() {
            assert!(begun.elapsed() < PATIENCE, "no file is made");
            std::thread::sleep(Duration::from_millis(5));
        }
        Vec::new()
    }

    fn rest(&mut self, _: &Ended) -> Vec<String> {
        let mut text = String::new();
        MultiGzDecoder::new(fs::File::open(&self.0).unwrap()).read_to_string(&mut text).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn may_hold(&self) -> bool {
        true
    }

    fn is_touched(&mut self) -> bool {
        self.0.exists()
    }

    fn refusing(&self) -> Option<(String, String)> {
        Some((self.node().replace("output.gz", "/dev/full"), "/dev/full".to_owned()))
    }
}

/// Rows of a file, after their header.
struct Csv(Text);

impl SinkPeer for Csv {
    fn node(&self) -> String {
        self.0.node()
    }

    fn shown(&self, record: &str) -> String {
        record.trim_start_matches("{\"n\":").trim_end_matches('}').to_owned()
    }

    fn wait_for(&mut self, run: &Run, count: usize) -> Vec<String> {
        let mut rows = self.0.wait_for(run, count + 1);
        assert_eq!(rows.remove(0), "n");
        rows
    }

    fn rest(&mut self, ended: &Ended) -> Vec<String> {
        let first = self.0.seen == 0;
        let mut rows = self.0.rest(ended);
        if first && !rows.is_empty() {
            assert_eq!(rows.remove(0), "n");
        }
        rows
    }

    fn is_touched(&mut self) -> bool {
        self.0.is_touched()
    }

    fn refusing(&self) -> Option<(String, String)> {
        self.0.refusing()
    }
}

/// Records that a server passes on.
struct Arriving(Receiver<String>);

impl Arriving {
    fn wait_for(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.0.recv_timeout(PATIENCE).expect("a record arrives")).collect()
    }

    /// All others, of a peer that ends with the run.
    fn rest(&mut self) -> Vec<String> {
        self.0.iter().collect()
    }
}

/// A server that reads lines of one connection.
struct Tcp {
    address: String,
    arriving: Arriving,
    accepted: Receiver<()>,
}

impl Tcp {
    fn new() -> Self {
        let (address, accepted, arriving) = serve(|connection, arrived| {
            for line in BufReader::new(connection).lines().map_while(Result::ok) {
                arrived.send(line).unwrap();
            }
        });
        Self { address, arriving, accepted }
    }
}

/// A server for one connection: its address, when it was connected to, and the records that it passes on.
fn serve(take: impl FnOnce(TcpStream, Sender<String>) + Send + 'static) -> (String, Receiver<()>, Arriving) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let ((accept, accepted), (arrive, arriving)) = (channel(), channel());
    std::thread::spawn(move || {
        let (connection, _) = listener.accept().unwrap();
        accept.send(()).unwrap();
        take(connection, arrive);
    });
    (address, accepted, Arriving(arriving))
}

impl SinkPeer for Tcp {
    fn node(&self) -> String {
        format!("type = \"tcp\"\naddress = \"{}\"", self.address)
    }

    fn wait_for(&mut self, _: &Run, count: usize) -> Vec<String> {
        self.arriving.wait_for(count)
    }

    fn rest(&mut self, _: &Ended) -> Vec<String> {
        self.arriving.rest()
    }

    fn is_touched(&mut self) -> bool {
        self.accepted.try_recv().is_ok()
    }

    fn refusing(&self) -> Option<(String, String)> {
        Some(("type = \"tcp\"\naddress = \"127.0.0.1:1\"\nretries = 0".to_owned(), "127.0.0.1:1".to_owned()))
    }
}

/// A server that reads messages of one connection.
struct WebSocket {
    address: String,
    arriving: Arriving,
    accepted: Receiver<()>,
}

impl WebSocket {
    fn new() -> Self {
        let (address, accepted, arriving) = serve(|connection, arrived| {
            let mut socket = tokio_tungstenite::tungstenite::accept(connection).unwrap();
            while let Ok(message) = socket.read() {
                if message.is_text() || message.is_binary() {
                    arrived.send(message.into_text().unwrap().to_string()).unwrap();
                }
            }
        });
        Self { address, arriving, accepted }
    }
}

impl SinkPeer for WebSocket {
    fn node(&self) -> String {
        format!("type = \"websocket\"\nurl = \"ws://{}/\"", self.address)
    }

    fn wait_for(&mut self, _: &Run, count: usize) -> Vec<String> {
        self.arriving.wait_for(count)
    }

    fn rest(&mut self, _: &Ended) -> Vec<String> {
        self.arriving.rest()
    }

    fn is_touched(&mut self) -> bool {
        self.accepted.try_recv().is_ok()
    }

    fn refusing(&self) -> Option<(String, String)> {
        let node = "type = \"websocket\"\nurl = \"ws://127.0.0.1:1/\"\nretries = 0";
        Some((node.to_owned(), "127.0.0.1:1".to_owned()))
    }
}

/// A server that takes posts.
struct Http {
    runtime: Option<tokio::runtime::Runtime>,
    address: String,
    arriving: Arriving,
}

impl Http {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (arrive, arriving) = channel();
        let take = move |body: String| {
            let arrived = body.lines().try_for_each(|line| arrive.send(line.to_owned()));
            std::future::ready(arrived.map_err(|_| "the test has ended"))
        };
        let router =
            axum::Router::new().route("/", axum::routing::post(async move |body| take(body).await.unwrap()));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        runtime.spawn(axum::serve(listener, router).into_future());
        Self { runtime: Some(runtime), address, arriving: Arriving(arriving) }
    }
}

impl SinkPeer for Http {
    fn node(&self) -> String {
        format!("type = \"http\"\nurl = \"http://{}/\"", self.address)
    }

    fn wait_for(&mut self, _: &Run, count: usize) -> Vec<String> {
        self.arriving.wait_for(count)
    }

    fn rest(&mut self, _: &Ended) -> Vec<String> {
        // The channel ends with its server.
        self.runtime.take().expect("it runs").shutdown_background();
        self.arriving.rest()
    }

    fn refusing(&self) -> Option<(String, String)> {
        let node = "type = \"http\"\nurl = \"http://127.0.0.1:1/\"\ntries = 0";
        Some((node.to_owned(), "127.0.0.1:1".to_owned()))
    }
}

/// A server with a subject.
struct Nats {
    server: NatsServer,
    runtime: tokio::runtime::Runtime,
    subscriber: async_nats::Subscriber,
}

impl Nats {
    /// None, with a note, if there is no server.
    fn start() -> Option<Self> {
        let server = NatsServer::start()?;
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let subscriber = runtime.block_on(async {
            let client = async_nats::connect(server.url()).await.unwrap();
            let config = async_nats::jetstream::stream::Config {
                name: "OUT".into(),
                subjects: vec!["out".into()],
                ..Default::default()
            };
            async_nats::jetstream::new(client.clone()).create_stream(config).await.unwrap();
            let subscriber = client.subscribe("out").await.unwrap();
            client.flush().await.unwrap();
            subscriber
        });
        Some(Self { server, runtime, subscriber })
    }
}

impl SinkPeer for Nats {
    fn node(&self) -> String {
        format!("type = \"nats\"\nserver = \"{}\"\nsubject = \"out\"", self.server.url())
    }

    fn wait_for(&mut self, _: &Run, count: usize) -> Vec<String> {
        let subscriber = &mut self.subscriber;
        self.runtime.block_on(async {
            let mut all = Vec::new();
            while all.len() < count {
                let next = tokio::time::timeout(PATIENCE, subscriber.next()).await;
                let message = next.expect("a record arrives").expect("it is subscribed");
                all.push(String::from_utf8(message.payload.to_vec()).unwrap());
            }
            all
        })
    }

    fn rest(&mut self, _: &Ended) -> Vec<String> {
        let subscriber = &mut self.subscriber;
        // All messages are in the stream now; the subscription ends when they are drained.
        self.runtime.block_on(async {
            subscriber.unsubscribe().await.unwrap();
            let mut all = Vec::new();
            while let Some(message) = subscriber.next().await {
                all.push(String::from_utf8(message.payload.to_vec()).unwrap());
            }
            all
        })
    }

    fn refusing(&self) -> Option<(String, String)> {
        let node = "type = \"nats\"\nserver = \"nats://127.0.0.1:1\"\nsubject = \"out\"\ntimeout = \"1s\"";
        Some((node.to_owned(), "127.0.0.1:1".to_owned()))
    }
}
