//! The list of all connectors: a line for each says whether it has a source and a sink for programs.

use super::*;
use crate::nodes::NodeType;

macro_rules! registry {
    ($($(#[$feature:meta])? $connector:ident$(: $($part:ident)+)?;)+) => {
        /// Sources that read from outside the graph.
        pub mod sources {
            pub use crate::connectors::support::formats::{Layout, Reading};
            pub use crate::graph::{Acknowledge, Acknowledgements, Feed, Message, Refused};

            $($(#[$feature])? export!(source of $connector: $($($part)+)?);)+
        }

        /// The ends of a graph.
        pub mod sinks {
            pub use crate::connectors::support::consumers::{
                Consumed, Consumer, Each, Records, Refusal, Together, consumer, records,
            };

            $($(#[$feature])? export!(sink of $connector: $($($part)+)?);)+
        }

        /// Their node types in pipeline files, in the order in which they are listed for people.
        pub(crate) const NODES: &[&[NodeType]] = &[$($(#[$feature])? $connector::NODES,)+];
    };
}

/// Exports what the module `source` or `sink` of a connector has, if it has that module.
macro_rules! export {
    (source of $connector:ident: source $($part:ident)?) => {
        pub use crate::connectors::$connector::source::*;
    };
    (sink of $connector:ident: $(source)? sink) => {
        pub use crate::connectors::$connector::sink::*;
    };
    ($($other:tt)+) => {};
}

registry! {
    lines: source sink;
    file: source sink;
    folder: source;
    csv: source sink;
    ndjson: source;
    dead_letters: source;
    periodic: source;
    count: source;
    plugin;
    process: source sink;
    tcp: source sink;
    #[cfg(feature = "net")]
    http: source sink;
    #[cfg(feature = "net")]
    websocket: source sink;
    #[cfg(feature = "cluster")]
    nats: source sink;
    channel: source;
    list: sink;
}
