//! Counts what happens in a run, and reads the counts as [metrics](crate::metrics).
//!
//! Events are counted where they happen, by atomic additions and in rings of a fixed size. Views read a
//! [`Status`](crate::metrics::Status) a few times a second. Without a monitor nothing is counted.

mod bottleneck;
mod calls;
mod control;
mod diagnosis;
mod faults;
mod functions;
mod graph;
mod handle;
mod log;
mod observed;
mod rates;
mod read;
mod snapshot;
mod watch;

#[cfg(feature = "otlp")]
pub(crate) use calls::Bookmark;
pub(crate) use calls::Calls;
pub(crate) use control::Control;
pub(crate) use faults::Faults;
pub(crate) use functions::FunctionGauge;
pub(crate) use graph::{Gauge, Graph, Meter, RunningCall, Watched};
pub use handle::Monitor;
pub(crate) use log::Log;
pub(crate) use observed::{FunctionFigures, PoolFigures, SourceFigures};
pub(crate) use watch::{Watch, lock};
