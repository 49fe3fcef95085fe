//! Connections that others make: so many are served at once, others wait.

#[cfg(feature = "net")]
mod http;
mod places;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::error::ConnectorError;

#[cfg(feature = "net")]
pub(crate) use http::Http;
pub(crate) use places::Places;

/// Listens at an address.
pub(crate) async fn bind(address: &str) -> Result<TcpListener, Error> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| {
        Error::Connector(ConnectorError::Listen { address: address.to_owned(), source: Arc::new(error) })
    })
}

/// Serves connections until it is to stop, and then waits for those that are there. Panics as `serve` does.
pub(crate) async fn accept<F>(
    listener: TcpListener,
    places: Places,
    stop: CancellationToken,
    serve: impl Fn(TcpStream, SocketAddr) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    let mut waits = None;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(ended) = tasks.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
            place = places.take(), if waits.is_some() => {
                let Some((connection, peer)) = waits.take() else { continue };
                let serving = serve(connection, peer);
                tasks.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            accepted = listener.accept(), if waits.is_none() => match accepted {
                Ok(accepted) => waits = Some(accepted),
                // It was gone before it was served, or too many files are open: which others may close.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
    drop((listener, waits));
    tasks.join_all().await;
}
