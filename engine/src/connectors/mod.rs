//! Sources and sinks: a folder for each thing outside of the program that they connect to.

mod channel;
mod closure;
mod csv;
mod file;
mod folder;
#[cfg(feature = "net")]
mod http;
mod lines;
mod list;
#[cfg(feature = "cluster")]
mod nats;
mod periodic;
mod plugin;
mod process;
pub mod sinks;
pub mod sources;
mod support;
mod tcp;
#[cfg(feature = "net")]
pub(crate) mod websocket;

#[cfg(all(any(fuzzing, test), feature = "net"))]
pub(crate) use http::source::serve_one;
pub use process::end_commands;
