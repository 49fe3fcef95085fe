//! Connections that carry messages.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, protocol::WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::tls;
use super::url::shown;
use crate::Error;
use crate::record::LONGEST;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects to a URL, over TLS if it says wss.
pub(super) async fn connect(url: &str) -> tungstenite::Result<Socket> {
    tls::prepare();
    let config = WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
    Ok(connect_async_with_config(url, Some(config), true).await?.0)
}

/// A connection broke, or could not be made.
pub(super) fn broken(url: &str, error: tungstenite::Error) -> Error {
    let source = match error {
        tungstenite::Error::Io(error) => error,
        other => io::Error::other(other),
    };
    Error::Connection { address: shown(url), source: Arc::new(source) }
}
