//! The cluster's transport in memory, for tests: a host and its workers in one process, without a broker.

mod broker;
mod plugins;
mod queue;
mod queues;
mod tables;
mod tests;

pub(super) use broker::Connection;
pub(super) use tests::settings;
