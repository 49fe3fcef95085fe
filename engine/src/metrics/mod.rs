//! The figures of a run, as data: what views show, and what the dashboard's interface for programs answers.
//!
//! [`Monitor::snapshot`](crate::Monitor::snapshot) gives all of it at one moment.

mod calls;
mod diagnosis;
mod faults;
#[cfg(feature = "net")]
pub(crate) mod figures;
mod graph;
mod history;
mod log;
mod pool;
mod rates;
mod run;
mod snapshot;
mod status;
mod tree;
pub mod words;

pub use calls::{Bar, Lane};
pub use diagnosis::{Diagnosis, Severity};
pub use faults::{FaultsStatus, NodeFaults, RecentFault};
pub use graph::{Buffer, EdgeStatus, NodeStatus};
pub use history::History;
pub use log::LogLine;
pub use pool::{FunctionStatus, PoolStatus, WorkerStatus};
pub use rates::{NodeRates, Rates};
pub use run::{Counts, Input, RunState, RunStatus};
pub use snapshot::Snapshot;
pub use status::Status;
pub use tree::Branch;
