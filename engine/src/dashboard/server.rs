//! Serves the dashboard on a thread of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::guard::{self, Guard};
use super::routes;
use crate::error::ConnectorError;
use crate::{Error, Monitor, threads};

/// The default port.
pub const PORT: u16 = 8787;

/// How often the monitor is read.
pub(super) const INTERVAL: Duration = Duration::from_millis(400);

/// Serves a dashboard until it is dropped.
///
/// ```
/// # fn main() -> Result<(), engine::Error> {
/// use engine::dashboard::Dashboard;
/// use engine::Monitor;
///
/// let monitor = Monitor::new();
/// let dashboard = Dashboard::serve(&monitor, "127.0.0.1:0".parse().unwrap())?;
/// println!("open {}", dashboard.url());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Dashboard {
    address: SocketAddr,
    token: String,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// What all requests share.
pub(super) struct Shared {
    pub(super) monitor: Monitor,
    pub(super) guard: Guard,
    /// The latest snapshot, for all clients that follow the run.
    pub(super) latest: watch::Sender<Update>,
    /// One permit for each client that may follow the run.
    pub(super) followers: Arc<Semaphore>,
    pub(super) stop: CancellationToken,
}

/// A snapshot as JSON.
#[derive(Clone)]
pub(super) struct Update {
    pub(super) json: Arc<str>,
    pub(super) is_last: bool,
}

impl Dashboard {
    /// Serves a monitor at an address; port 0 takes any free port. If the address can be reached from other
    /// machines, every request needs the [token](Self::token).
    ///
    /// # Errors
    ///
    /// If the address can't be listened on.
    pub fn serve(monitor: &Monitor, address: SocketAddr) -> Result<Self, Error> {
        Self::serve_with(monitor, address, &guard::token())
    }

    /// Serves a monitor with a token of your own, which must be hard to guess.
    ///
    /// # Errors
    ///
    /// If the address can't be listened on.
    pub fn serve_with(monitor: &Monitor, address: SocketAddr, token: &str) -> Result<Self, Error> {
        let failed = |source| {
            Error::Connector(ConnectorError::Listen {
                address: address.to_string(),
                source: Arc::new(source),
            })
        };
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            monitor: monitor.clone(),
            guard: Guard::new(address, token),
            latest: watch::Sender::new(Update { json: Arc::from(""), is_last: false }),
            followers: Arc::new(Semaphore::new(routes::FOLLOWERS)),
            stop: stop.clone(),
        });
        let serve = move || {
            runtime.block_on(async {
                // This can't fail: the listener is nonblocking already.
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                routes::serve(listener, shared).await;
            });
        };
        let thread = threads::start("engine-dashboard", serve)?;
        Ok(Self { address, token: token.to_owned(), stop, thread: Some(thread) })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The token, which allows a client to pause, drain and stop the run.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The page's address, with the token.
    #[must_use]
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        format!("http://{address}/status?token={}", self.token)
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // It ends after the cancellation, if it has not ended before.
            let _ = thread.join();
        }
    }
}
