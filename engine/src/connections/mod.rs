//! Connections that clients make to this process, a bounded number at the same time.

mod accept;
#[cfg(feature = "net")]
mod http;
mod limit;
mod listen_address;

pub(crate) use accept::accept;
#[cfg(feature = "net")]
pub(crate) use http::{Http, Peer};
pub(crate) use limit::ConnectionLimit;
pub(crate) use listen_address::ListenAddress;
