//! The dashboard: a page in a browser that shows a run while it goes on, and an interface for programs.
//!
//! It is served by a thread of its own, which reads a [`Monitor`] a few times a second while somebody looks. Who
//! looks gets the latest status, never a backlog: a browser that stalls holds nothing up.

mod guard;
mod page;
mod prometheus;
mod report;
mod routes;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use self::guard::Guard;
pub use self::report::Report;
use crate::error::ConnectorError;
use crate::{Error, Monitor, threads};

/// The port, if none is named.
pub const PORT: u16 = 8787;

/// How often a run is looked at.
const INTERVAL: Duration = Duration::from_millis(400);

/// A dashboard that is being served, until it is dropped.
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
struct Shared {
    monitor: Monitor,
    guard: Guard,
    /// What those who look are told.
    latest: watch::Sender<Latest>,
    /// Places for those who follow.
    followers: Arc<Semaphore>,
    stop: CancellationToken,
}

/// The latest snapshot, as JSON.
#[derive(Clone)]
struct Latest {
    told: Arc<str>,
    /// Whether there is none after it.
    ends: bool,
}

impl Dashboard {
    /// Serves a monitor at an address; port 0 is any that is free. Beyond this machine nobody sees anything
    /// without the [token](Self::token).
    ///
    /// # Errors
    ///
    /// If it can't listen there.
    pub fn serve(monitor: &Monitor, address: SocketAddr) -> Result<Self, Error> {
        Self::serve_with(monitor, address, &guard::token())
    }

    /// The same with a token of one's own, which nobody may guess.
    ///
    /// # Errors
    ///
    /// If it can't listen there.
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
            latest: watch::Sender::new(Latest { told: Arc::from(""), ends: false }),
            followers: Arc::new(Semaphore::new(routes::FOLLOWERS)),
            stop: stop.clone(),
        });
        let serve = move || {
            runtime.block_on(async {
                // It is in nonblocking mode, as it has to be.
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                routes::serve(listener, shared).await;
            });
        };
        let thread = threads::start("engine-dashboard", serve)?;
        Ok(Self { address, token: token.to_owned(), stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What lets its bearer hold and end the run.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The address of the page, with the token.
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
            // It ended by itself, or does so now.
            let _ = thread.join();
        }
    }
}
