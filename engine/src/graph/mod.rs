//! Streams: sources, the operators on them, and sinks.
//!
//! Each operator is a file in `operators/`. What reads from outside the program, and writes there, is in `connectors/`.

mod acknowledgements;
mod binary;
mod checkpoints;
mod closure;
mod crossing;
mod delayed;
mod feed;
mod handover;
mod items;
mod metered;
mod node;
mod operator;
mod operators;
mod queue;
mod readers;
mod scattered;
mod sink;
mod source;
mod unary;

#[cfg(feature = "cluster")]
pub(crate) use acknowledgements::check_unmixed;
pub use acknowledgements::{Acknowledge, Acknowledgements, Message};
pub use binary::Side;
pub use checkpoints::{CheckpointedGraph, Cut, ResumableFeed, ResumableRun, RunEnd};
pub use feed::Feed;
pub(crate) use feed::next;
#[cfg(feature = "net")]
pub(crate) use handover::{Backlog, Handover};
pub(crate) use items::Items;
pub(crate) use metered::Metered;
pub use node::Stream;
pub(crate) use node::{CALLS_COUNT, Handling, MOST_IN_A_ROW, Node, Outlet};
pub(crate) use operator::Guard;
pub use operator::{Operator, Outputs};
pub use operators::{Accumulate, Connection, Filter, FlatMap, Flush, Keep, Key, Map, Part, Release, Starmap};
pub(crate) use operators::{Bounds, too_long};
pub(crate) use operators::{Reducer, Refusal};
pub(crate) use readers::Readers;
pub use scattered::Scattered;
pub(crate) use scattered::Stretch;
pub use sink::Sink;
pub(crate) use source::{HeldSource, HoldSource};
pub use source::{Refused, Source};
