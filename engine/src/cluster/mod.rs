//! The same pipeline over many machines: a host that hands batches out through a broker, and workers that take
//! them up.
//!
//! `ledger.rs` and `duty.rs` are the protocol, which knows neither network nor clock, and `wire.rs` its messages;
//! `host.rs` and `worker.rs` carry it out over NATS JetStream, where `places.rs` knows what is where, and
//! `simulation.rs` in a world of its own.

mod duty;
mod host;
mod isolated;
mod ledger;
mod places;
mod run;
#[cfg(test)]
mod simulation;
mod view;
mod wire;
mod worker;

use std::time::{SystemTime, UNIX_EPOCH};

pub use host::Cluster;
pub(crate) use host::ClusterCrew;
pub use view::{ClusterView, RunView, WorkerView};
pub use worker::Worker;

/// A number that nobody else has.
fn random() -> u64 {
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
