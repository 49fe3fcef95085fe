//! The same pipeline over many machines: a host that hands batches out through a broker, and workers that take
//! them up.
//!
//! `protocol/` is what they agree on, and knows neither network nor clock; `host/` and `worker/` are the two sides,
//! and `nats/` says where things are in NATS JetStream.

#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod host;
mod nats;
mod protocol;
mod run;
mod settings;
mod view;
mod worker;

use std::time::{SystemTime, UNIX_EPOCH};

pub use settings::Cluster;
pub use view::{ClusterView, RunView, WorkerView};
pub use worker::process::Worker;

/// A number that nobody else has.
pub(crate) fn random() -> u64 {
    let mut bytes = [0; 8];
    // Where the system has none, time is what is left.
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => epoch_of_now(),
    }
}

/// The first epoch of a run: later than that of any before it.
fn epoch_of_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
