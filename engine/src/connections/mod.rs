//! Connections that others make to this process: only so many are served at once.

mod accept;
#[cfg(feature = "net")]
mod http;
mod limit;

pub(crate) use accept::{accept, bind};
#[cfg(feature = "net")]
pub(crate) use http::Http;
pub(crate) use limit::ConnectionLimit;
