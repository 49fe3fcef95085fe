//! Connections that others make: so many are served at once, others wait.

#[cfg(feature = "net")]
mod http;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Error;

#[cfg(feature = "net")]
pub(crate) use http::{Http, serve};

/// Listens at an address.
pub(crate) async fn bind(address: &str) -> Result<TcpListener, Error> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| Error::Listen { address: address.to_owned(), source: Arc::new(error) })
}

/// Serves connections until it is to stop, and then waits for those that are there. Panics as `serve` does.
pub(crate) async fn accept<F>(
    listener: TcpListener,
    most: usize,
    stop: CancellationToken,
    serve: impl Fn(TcpStream, SocketAddr) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
    let mut tasks = JoinSet::new();
    loop {
        let accepting = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(ended) = tasks.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
            (place, accepted) = accepting => match accepted {
                Ok((connection, peer)) => {
                    let serving = serve(connection, peer);
                    tasks.spawn(async move {
                        serving.await;
                        drop(place);
                    });
                }
                // It was gone before it was served, or too many files are open: which others may close.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
    drop(listener);
    tasks.join_all().await;
}
