//! Accepts connections, and serves a bounded number of them at the same time.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::ConnectionLimit;

/// Serves connections until `stop` is cancelled, and then waits until those that are open have ended. Panics if `serve`
/// panics.
pub(crate) async fn accept<F>(
    listener: TcpListener,
    limit: ConnectionLimit,
    stop: CancellationToken,
    serve: impl Fn(TcpStream, SocketAddr) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    let mut waiting = None;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(ended) = tasks.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
            permit = limit.acquire(), if waiting.is_some() => {
                let Some((connection, peer)) = waiting.take() else { continue };
                let serving = serve(connection, peer);
                tasks.spawn(async move {
                    serving.await;
                    drop(permit);
                });
            }
            accepted = listener.accept(), if waiting.is_none() => match accepted {
                Ok(accepted) => waiting = Some(accepted),
                // The client has disconnected already, or too many files are open, which other tasks may close.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
    drop((listener, waiting));
    tasks.join_all().await;
}
