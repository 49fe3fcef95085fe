//! HTTP on a connection.

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

use super::Places;
use crate::deadlines::{Deadline, Timely};

/// How HTTP is spoken.
#[derive(Clone)]
pub(crate) struct Http {
    builder: Builder,
    deadline: Deadline,
    places: Places,
    router: Router,
    stop: CancellationToken,
}

impl Http {
    /// Answers as the router says. A request's head may take so long to come, and so may the reading of an answer,
    /// with a second more for each 16 KiB.
    pub(crate) fn new(deadline: Deadline, places: Places, router: Router, stop: CancellationToken) -> Self {
        let mut builder = Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(deadline.time);
        Self { builder, deadline, places, router, stop }
    }

    /// Answers the requests of a connection, until it is to stop.
    pub(crate) async fn serve<S>(self, connection: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { builder, deadline, places, router, stop } = self;
        let connection = Timely::answering(connection, peer.to_string(), deadline);
        let router = TowerToHyperService::new(router);
        let service = service_fn(|request: Request<Incoming>| {
            let answer = hyper::service::Service::call(&router, request);
            async { answer.await.map(|answer| closing(answer, &places)) }
        });
        let serving = builder.serve_connection(TokioIo::new(connection), service);
        tokio::pin!(serving);
        // A connection that broke can't be told.
        tokio::select! {
            _ = serving.as_mut() => return,
            () = stop.cancelled() => serving.as_mut().graceful_shutdown(),
        }
        let _ = serving.await;
    }
}

/// A connection whose request was refused ends with the answer, and so does any one while others may wait for its
/// place.
fn closing(mut answer: Response<Body>, places: &Places) -> Response<Body> {
    let is_refused = answer.status().is_client_error() && answer.status() != StatusCode::TOO_MANY_REQUESTS;
    if is_refused || places.are_taken() {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}
