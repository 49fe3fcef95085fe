//! Commands: what they print is a source, what they read a sink.

mod command;
pub(super) mod sink;
pub(super) mod source;

pub use command::end_commands;
