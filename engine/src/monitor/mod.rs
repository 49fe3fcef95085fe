//! Watches a run: counts what happens where it happens, and tells it to readers as [metrics](crate::metrics).

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
pub use calls::{Bar, Lane};
pub(crate) use control::Control;
pub use diagnosis::{Mood, Verdict};
pub(crate) use faults::Faults;
pub use faults::Told;
pub(crate) use functions::FunctionGauge;
pub(crate) use graph::{Gauge, Graph, Inside, Meter, Watched};
pub use log::Line;
pub(crate) use log::Log;
pub(crate) use observed::{FunctionFigures, PoolFigures, SourceFigures};
pub use rates::{NodePace, Pace};
pub use snapshot::Snapshot;
pub use watch::Monitor;
pub(crate) use watch::{Watch, lock};
