//! What every source and every sink must keep: one suite, which each passes with a real peer and a real process.
//!
//! A peer gives records to a source, or collects those of a sink. `sources.rs` and `sinks.rs` have a function for each
//! promise, and run it with all peers. A new connector adds its peer to the list, and is held to all of them.

mod files;
mod network;
mod process;
mod run;
mod sink_peer;
mod sinks;
mod source_peer;
mod sources;
