//! Inputs that come from the network.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use async_nats::jetstream::stream::Config;
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::{Message, WebSocket as Socket};

use super::run::Run;
use super::source_peer::{End, SourcePeer, Unreadable};
use crate::support::nats_server::NatsServer;

/// A client that sends lines.
#[derive(Default)]
pub(super) struct Tcp(Option<TcpStream>);

impl SourcePeer for Tcp {
    fn node(&self) -> String {
        "type = \"tcp\"\naddress = \"127.0.0.1:0\"\nlongest_line = \"10B\"".to_owned()
    }

    fn meet(&mut self, run: &mut Run) {
        self.0 = Some(TcpStream::connect(run.address()).unwrap());
    }

    fn give(&mut self, records: &[String]) -> usize {
        let text = records.join("\n") + "\n";
        // The run may have ended.
        let _ = self.0.as_mut().expect("it is connected").write_all(text.as_bytes());
        0
    }

    fn end(&mut self) -> End {
        self.0 = None;
        End::Signal
    }

    fn unreadable(&self) -> Option<Unreadable> {
        Some(Unreadable { given: "longer than ten bytes", place: "127.0.0.1" })
    }

    fn missing(&self) -> Option<(String, String)> {
        Some(("type = \"tcp\"\naddress = \"192.0.2.1:1\"".to_owned(), "192.0.2.1:1".to_owned()))
    }
}

/// A client that posts lines of JSON.
#[derive(Default)]
pub(super) struct Http(String);

impl SourcePeer for Http {
    fn node(&self) -> String {
        "type = \"http\"\naddress = \"127.0.0.1:0\"\nformat = \"json\"".to_owned()
    }

    fn meet(&mut self, run: &mut Run) {
        self.0 = run.address();
    }

    fn give(&mut self, records: &[String]) -> usize {
        let mut taken = 0;
        for records in records.chunks(100) {
            match posted(&self.0, &records.join("\n")) {
                Ok(answer) if answer.starts_with("HTTP/1.1 202") => taken += records.len(),
                _ => break,
            }
        }
        taken
    }

    fn end(&mut self) -> End {
        End::Signal
    }

    fn missing(&self) -> Option<(String, String)> {
        Some(("type = \"http\"\naddress = \"192.0.2.1:1\"".to_owned(), "192.0.2.1:1".to_owned()))
    }
}

fn posted(address: &str, body: &str) -> std::io::Result<String> {
    let mut client = TcpStream::connect(address)?;
    let head = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-ndjson";
    write!(client, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A server that sends messages.
pub(super) struct WebSocket {
    listener: TcpListener,
    socket: Option<Socket<TcpStream>>,
}

impl WebSocket {
    pub(super) fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").unwrap(), socket: None }
    }
}

impl SourcePeer for WebSocket {
    fn node(&self) -> String {
        format!("type = \"websocket\"\nurl = \"ws://{}/\"", self.listener.local_addr().unwrap())
    }

    fn meet(&mut self, _: &mut Run) {
        let (connection, _) = self.listener.accept().unwrap();
        self.socket = Some(tokio_tungstenite::tungstenite::accept(connection).unwrap());
    }

    fn give(&mut self, records: &[String]) -> usize {
        let socket = self.socket.as_mut().expect("it is connected");
        // The run may have ended.
        let _ = records.iter().try_for_each(|record| socket.send(Message::text(record.clone())));
        0
    }

    fn end(&mut self) -> End {
        let mut socket = self.socket.take().expect("it is connected");
        socket.close(None).unwrap();
        // The other side closes it too.
        while socket.read().is_ok() {}
        End::Input
    }

    fn is_touched(&mut self) -> bool {
        self.listener.set_nonblocking(true).unwrap();
        self.listener.accept().is_ok()
    }

    fn missing(&self) -> Option<(String, String)> {
        Some(("type = \"websocket\"\nurl = \"ws://127.0.0.1:1/\"".to_owned(), "127.0.0.1:1".to_owned()))
    }
}

/// A server with a stream of messages.
pub(super) struct Nats {
    runtime: Runtime,
    server: NatsServer,
}

impl Nats {
    /// None, with a note, if there is no server.
    pub(super) fn start() -> Option<Self> {
        let server = NatsServer::start()?;
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let client = async_nats::connect(server.url()).await.unwrap();
            let config = Config { name: "IN".into(), subjects: vec!["in".into()], ..Config::default() };
            async_nats::jetstream::new(client).create_stream(config).await.unwrap();
        });
        Some(Self { runtime, server })
    }
}

impl SourcePeer for Nats {
    fn node(&self) -> String {
        let url = self.server.url();
        format!("type = \"nats\"\nserver = \"{url}\"\nstream = \"IN\"\nconsumer = \"engine\"")
    }

    fn give(&mut self, records: &[String]) -> usize {
        self.runtime.block_on(async {
            let client = async_nats::connect(self.server.url()).await.unwrap();
            for record in records {
                client.publish("in", record.clone().into()).await.unwrap();
            }
            client.flush().await.unwrap();
        });
        0
    }

    fn end(&mut self) -> End {
        End::Signal
    }

    fn missing(&self) -> Option<(String, String)> {
        let url = "nats://127.0.0.1:1";
        let node = format!("type = \"nats\"\nserver = \"{url}\"\nstream = \"IN\"\nconsumer = \"engine\"");
        Some((node + "\ntimeout = \"1s\"", url.to_owned()))
    }
}
