//! Messages of WebSockets.

pub(super) mod sink;
mod socket;
pub(super) mod source;

#[cfg(any(fuzzing, test))]
pub(crate) use socket::config;
pub(crate) use socket::{broken, connect, is_open, send};
#[cfg(any(fuzzing, test))]
pub(crate) use source::messages;
