//! The same pipeline over many machines: a host that hands batches out through a broker, and workers that take
//! them up.
//!
//! `ledger.rs` and `duty.rs` are the protocol, which knows neither network nor clock, and `wire.rs` its messages.
//! Over NATS JetStream, where `places.rs` knows what is where, it is carried out by a host and by workers: the
//! host's part is what a pool sees (`crew.rs`), the loop behind it (`driver.rs`), what it tells of the run
//! (`registry.rs`) and what it knows of workers (`roster.rs`); a worker's is the process (`worker.rs`) and what it
//! has of each run (`serving.rs`). `simulation.rs` carries the protocol out in a world of its own.

mod admission;
mod crew;
mod driver;
mod duty;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod isolated;
mod ledger;
mod places;
mod plugin_folder;
mod registry;
mod roster;
mod run;
mod serving;
mod settings;
#[cfg(test)]
mod simulation;
mod slots;
mod view;
mod wire;
mod worker;

use std::time::{SystemTime, UNIX_EPOCH};

pub use settings::Cluster;
pub use view::{ClusterView, RunView, WorkerView};
pub use worker::Worker;

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
