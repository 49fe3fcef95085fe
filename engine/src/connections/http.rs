//! HTTP on a connection.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// How HTTP is spoken.
#[derive(Clone)]
pub(crate) struct Http(Builder);

impl Http {
    /// A request's head may take so long.
    pub(crate) fn new(timeout: Duration) -> Self {
        let mut builder = Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(timeout);
        Self(builder)
    }
}

/// Answers the requests of a connection, until it is to stop.
pub(crate) async fn serve(http: Http, connection: TcpStream, router: Router, stop: CancellationToken) {
    let serving = http.0.serve_connection(TokioIo::new(connection), TowerToHyperService::new(router));
    tokio::pin!(serving);
    // Whose connection broke can't be told.
    tokio::select! {
        _ = serving.as_mut() => return,
        () = stop.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}
