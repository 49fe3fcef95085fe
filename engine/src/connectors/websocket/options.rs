//! Options of the node types `websocket`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::{sink, source};
use crate::connectors::support::options::{RecordFormat, check_header};
use crate::net::url::shown;
use crate::nodes::{
    Access, BuildContext, Contents, Feeding, Flow, Number, Problem, SinkNode, SourceNode, Time, Url,
};

/// The messages that come from a WebSocket. One that is longer than 32 MiB, or text that is not UTF-8, is a fault: it is
/// left out, unless on_fault says otherwise.
#[derive(Deserialize, JsonSchema)]
pub(super) struct WebSocketSource {
    /// The URL to connect to, as "wss://example.org/ticks".
    url: Url,
    /// Headers of the handshake.
    #[serde(default)]
    #[schemars(with = "std::collections::HashMap<String, String>")]
    headers: IndexMap<String, String>,
    /// Messages to send at the beginning of each connection, as ["subscribe"].
    #[serde(default)]
    send: Vec<String>,
    /// How to read each message: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
    /// How often to connect again in a row without a message between; not at all by default.
    retries: Option<Number>,
    /// How long the server may take to accept the connection, for the handshake, and later to read anything; 30s by
    /// default.
    timeout: Option<Time>,
    /// Connects again also after the server has closed the connection.
    #[serde(default)]
    reconnect: bool,
}

impl SourceNode for WebSocketSource {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        access.connects(&self.url);
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let url = context.access.connected(self.url)?;
        websocket_url(&url)?;
        let retries =
            self.retries.map_or(0, |Number(retries)| usize::try_from(retries).unwrap_or(usize::MAX));
        let mut socket = source::websocket(url).retries(retries).reconnect(self.reconnect);
        socket = socket.on_fault(&context.guard.policy);
        for (name, value) in self.headers {
            check_header(&name, &value)?;
            socket = socket.header(name, value);
        }
        socket = self.send.into_iter().fold(socket, source::WebSocket::send_first);
        if let Some(Time(timeout)) = self.timeout {
            socket = socket.timeout(timeout);
        }
        Ok((Feeding::of(socket), self.format.contents()))
    }
}

/// Checks that a text is the URL of a WebSocket.
fn websocket_url(url: &str) -> Result<(), Problem> {
    let no_url =
        |reason: &str| Problem::at("url", format!("{:?} is not a WebSocket URL{reason}", shown(url)));
    if !url.starts_with("ws://") && !url.starts_with("wss://") {
        return Err(no_url("").help("write ws://… or wss://…"));
    }
    url.into_client_request().map(drop).map_err(|error| no_url(&format!(": {error}")))
}

/// Sends each record to a WebSocket as a message.
#[derive(Deserialize, JsonSchema)]
pub(super) struct WebSocketSink {
    /// The URL to connect to, as "wss://example.org/ticks".
    url: Url,
    /// Headers of the handshake.
    #[serde(default)]
    #[schemars(with = "std::collections::HashMap<String, String>")]
    headers: IndexMap<String, String>,
    /// How often to connect again in a row before the run fails; 10 by default.
    retries: Option<Number>,
    /// How long the server may take to accept the connection, for the handshake, and later to read anything; 30s by
    /// default.
    timeout: Option<Time>,
}

impl SinkNode for WebSocketSink {
    fn access(&self, access: &mut Access) {
        access.connects(&self.url);
    }

    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        let url = context.access.connected(self.url)?;
        websocket_url(&url)?;
        let mut socket = sink::websocket(url);
        for (name, value) in self.headers {
            check_header(&name, &value)?;
            socket = socket.header(name, value);
        }
        if let Some(Number(retries)) = self.retries {
            socket = socket.retries(usize::try_from(retries).unwrap_or(usize::MAX));
        }
        if let Some(Time(timeout)) = self.timeout {
            socket = socket.timeout(timeout);
        }
        input.local()?.0.sink(socket);
        Ok(())
    }
}
