//! Streams: sources, the operators on them, and sinks.
//!
//! Each operator is a file in `operators/`, each sink one in `sinks/`, each source one in `sources/`.

mod counters;
mod items;
mod node;
mod operators;
mod scattered;
pub mod sinks;
mod source;
pub mod sources;

pub(crate) use counters::Counters;
pub use counters::Counts;
pub(crate) use items::Items;
pub use node::Stream;
pub(crate) use node::{BoxFuture, Handling, Node, Outlet};
pub use operators::{Filter, FlatMap, Map};
pub use scattered::Scattered;
pub use sinks::Sink;
pub use source::Source;
