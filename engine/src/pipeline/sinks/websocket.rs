//! Messages to a WebSocket.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{Access, BuildContext, Flow, Number, Problem, SinkNode, Time, Url};
use crate::pipeline::sources::websocket_url;
use crate::sinks;

/// Each record as a message to a WebSocket.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct WebSocket {
    /// To what it connects, as "wss://example.org/ticks".
    url: Url,
    /// How often in a row it tries to connect again; 10, if not said.
    retries: Option<Number>,
    /// How long the other side may take for the connection, for the handshake, and later until it reads anything;
    /// 30s, if not said.
    timeout: Option<Time>,
}

impl SinkNode for WebSocket {
    fn access(&self, access: &mut Access) {
        access.connects(&self.url);
    }

    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        let url = context.access.connected(self.url)?;
        websocket_url(&url)?;
        let mut socket = sinks::websocket(url);
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
