//! Watches a run: counts what happens where it happens, and tells it to readers as [metrics](crate::metrics).

mod bottleneck;
mod calls;
mod control;
mod diagnosis;
mod faults;
mod functions;
mod graph;
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
pub(crate) use graph::{Gauge, Graph, Inside, Meter, Watched};
pub(crate) use log::Log;
pub(crate) use observed::{FunctionFigures, PoolFigures, SourceFigures};
pub use watch::Monitor;
pub(crate) use watch::{Watch, lock};
