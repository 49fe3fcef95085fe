//! Errors: why a run, or the preparation of one, failed.
//!
//! [`Error`] is what all calls return. Its variants say which part of a run failed, and most hold an error of
//! that part: a program that wants to know more matches on it. One record's failure is a [`Fault`](crate::Fault).

mod broker;
mod cluster;
mod connector;
mod file;
mod function;
mod graph;
mod input;
mod load;
mod not_a_plugin;
mod run;
mod suggestion;
mod system;
mod telemetry;

pub use broker::BrokerError;
pub use cluster::ClusterError;
pub use connector::ConnectorError;
pub use file::FileError;
pub use function::FunctionError;
pub use graph::GraphError;
pub use input::InputError;
pub use load::LoadError;
pub use not_a_plugin::NotAPlugin;
pub use run::Error;
pub(crate) use suggestion::nearest_of;
pub use system::SystemError;
pub use telemetry::TelemetryError;
