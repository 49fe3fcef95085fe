//! The same pipeline over many machines: a host hands batches out through a broker, and workers run them.
//!
//! `protocol/` is what both agree on, and knows neither network nor clock; `host/` and `worker/` are the two sides;
//! `transport.rs` says what they need of a broker; `nats/` implements it with NATS JetStream, and `memory/` in one
//! process, for tests.

mod cleaning;
mod description;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod host;
mod join;
#[cfg(test)]
mod memory;
mod nats;
mod presence;
mod protocol;
mod random;
mod settings;
mod transport;
mod view;
mod worker;

pub use join::{ClusterPoolBuilder, Worker};
pub(crate) use random::random;
pub use settings::{Cluster, ClusterNotice};
pub use view::{ClusterView, RunView, WorkerView};
pub use worker::notice::WorkerNotice;

pub use crate::broker::Broker;
