//! Serves HTTP on a connection.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::ConnectionLimit;
use crate::deadlines::{Deadline, Timely};

/// The client of a request, among the request's extensions.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Serves HTTP/1.1 on connections.
#[derive(Clone)]
pub(crate) struct Http {
    builder: Builder,
    deadline: Deadline,
    limit: ConnectionLimit,
    router: Router,
    stop: CancellationToken,
}

impl Http {
    /// Answers requests with the router. The deadline is for the head of a request, and for the client to read an answer,
    /// with a second more for each 16 KiB.
    pub(crate) fn new(
        deadline: Deadline,
        limit: ConnectionLimit,
        router: Router,
        stop: CancellationToken,
    ) -> Self {
        let mut builder = Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(deadline.time);
        Self { builder, deadline, limit, router, stop }
    }

    /// Answers the requests of a connection, until `stop` is cancelled.
    pub(crate) async fn serve<S>(self, connection: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { builder, deadline, limit, router, stop } = self;
        let connection = Timely::answering(connection, peer.to_string(), deadline);
        let router = TowerToHyperService::new(router);
        let service = service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            let answer = hyper::service::Service::call(&router, request);
            async { answer.await.map(|answer| closing(answer, &limit)) }
        });
        let serving = builder.serve_connection(TokioIo::new(connection), service);
        tokio::pin!(serving);
        // The client of a broken connection can't be told.
        tokio::select! {
            _ = serving.as_mut() => return,
            () = stop.cancelled() => serving.as_mut().graceful_shutdown(),
        }
        let _ = serving.await;
    }
}

/// Makes an answer close its connection if the request was refused, or if other connections may wait.
fn closing(mut answer: Response<Body>, limit: &ConnectionLimit) -> Response<Body> {
    let is_refused = answer.status().is_client_error() && answer.status() != StatusCode::TOO_MANY_REQUESTS;
    if is_refused || limit.is_reached() {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}
