//! Makes connections to servers, each step with a deadline.

use std::io;

use tokio::net::TcpStream;

use super::table::Deadline;

/// Connects to an address by TCP, within the deadline.
pub(crate) async fn tcp(address: &str, connect: Deadline) -> io::Result<TcpStream> {
    connect.within(address, TcpStream::connect(address)).await?
}

#[cfg(feature = "net")]
pub(crate) use net::{Socket, client, websocket};

#[cfg(feature = "net")]
mod net {
    use std::time::Duration;

    use tokio::net::TcpStream;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    use tokio_tungstenite::tungstenite::error::UrlError;
    use tokio_tungstenite::tungstenite::http::HeaderMap;
    use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
    use tokio_tungstenite::tungstenite::{Error, Result};
    use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

    use super::super::table::{CONNECT, HANDSHAKE, WRITE};
    use super::super::timely::Timely;
    use crate::net::{tls, url::shown};

    /// A WebSocket connection that breaks if the server does not read.
    pub(crate) type Socket = WebSocketStream<MaybeTlsStream<Timely<TcpStream>>>;

    /// Connects to a URL, with TLS for `wss` URLs, and sends these headers with the handshake. The timeout is for each
    /// step.
    pub(crate) async fn websocket(
        url: &str,
        headers: HeaderMap,
        config: WebSocketConfig,
        timeout: Duration,
    ) -> Result<Socket> {
        tls::prepare();
        let mut request = url.into_client_request()?;
        request.headers_mut().extend(headers);
        let host = request.uri().host().ok_or(Error::Url(UrlError::NoHostName))?;
        let scheme = request.uri().scheme_str();
        let port = request.uri().port_u16().unwrap_or(if scheme == Some("wss") { 443 } else { 80 });
        let stream = super::tcp(&format!("{host}:{port}"), CONNECT.of(timeout)).await?;
        stream.set_nodelay(true)?;
        let peer = shown(url);
        let stream = Timely::new(stream, &peer, WRITE.of(timeout));
        let shaking = client_async_tls_with_config(request, stream, Some(config), None);
        let (socket, _) =
            HANDSHAKE.of(timeout).within(&peer, shaking).await.map_err(std::io::Error::from)??;
        Ok(socket)
    }

    /// Makes requests. The timeout is for each answer.
    pub(crate) fn client(timeout: Duration) -> reqwest::ClientBuilder {
        tls::prepare();
        reqwest::Client::builder().timeout(timeout)
    }
}
