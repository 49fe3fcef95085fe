//! Streams: sources, the operators on them, and sinks.
//!
//! Each operator is a file in `operators/`, each sink one in `sinks/`, each source one in `sources/`.

mod backoff;
mod command;
mod counters;
mod deadlock;
mod detached;
mod items;
mod joint;
mod leaving;
#[cfg(feature = "cluster")]
mod nats;
mod node;
mod operator;
mod operators;
mod queue;
mod readers;
mod scattered;
pub mod sinks;
mod snapshots;
mod source;
pub mod sources;
#[cfg(feature = "net")]
pub(crate) mod websocket;

pub use command::end_commands;
pub(crate) use counters::Counters;
pub use counters::Counts;
pub(crate) use deadlock::Works;
pub(crate) use detached::Detached;
pub(crate) use items::Items;
pub use joint::Side;
pub use leaving::Done;
pub use node::Stream;
pub(crate) use node::{BoxFuture, CALLS_COUNT, Handling, MOST_IN_A_ROW, Node, Outlet};
pub(crate) use operator::Guard;
pub use operator::{Operator, Outputs};
pub use operators::{Accumulate, Connection, Filter, FlatMap, Flush, Keep, Key, Map, Part, Starmap};
pub(crate) use operators::{Bounds, too_long};
pub(crate) use readers::Readers;
pub use scattered::Scattered;
pub(crate) use scattered::Stretch;
pub use sinks::Sink;
pub use snapshots::Snapshot;
pub(crate) use snapshots::Snapshots;
pub use source::Source;
