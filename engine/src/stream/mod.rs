//! Streams: sources, the operators on them, and sinks.
//!
//! Each operator is a file in `operators/`, each sink one in `sinks/`, each source one in `sources/`.

mod backoff;
mod command;
mod items;
mod joint;
mod metered;
#[cfg(feature = "cluster")]
mod nats;
mod node;
mod operator;
mod operators;
mod queue;
mod readers;
mod scattered;
pub mod sinks;
mod source;
pub mod sources;
#[cfg(feature = "net")]
pub(crate) mod websocket;

pub use command::end_commands;
pub(crate) use items::Items;
pub use joint::Side;
pub(crate) use metered::Metered;
pub use node::Stream;
pub(crate) use node::{CALLS_COUNT, Handling, MOST_IN_A_ROW, Node, Outlet};
pub(crate) use operator::Guard;
pub use operator::{Operator, Outputs};
pub use operators::{Accumulate, Connection, Filter, FlatMap, Flush, Keep, Key, Map, Part, Starmap};
pub(crate) use operators::{Bounds, too_long};
pub(crate) use readers::Readers;
pub use scattered::Scattered;
pub(crate) use scattered::Stretch;
pub use sinks::Sink;
pub use source::Source;
