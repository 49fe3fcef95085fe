//! Sources and sinks: a folder for each thing outside the graph that they connect to.

mod channel;
mod count;
mod csv;
mod dead_letters;
mod file;
mod folder;
#[cfg(feature = "net")]
mod http;
mod lines;
mod list;
#[cfg(feature = "cluster")]
mod nats;
mod ndjson;
mod periodic;
mod plugin;
mod process;
mod registry;
mod support;
mod tcp;
#[cfg(feature = "net")]
pub(crate) mod websocket;

#[cfg(all(any(fuzzing, test), feature = "net"))]
pub(crate) use http::{LARGEST_BODY, serve_one};
pub use process::end_commands;
pub(crate) use registry::NODES;
pub use registry::{sinks, sources};
