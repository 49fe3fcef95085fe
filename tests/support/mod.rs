//! Helpers: plugins, commands, streams, a browser, servers, machines.

pub(crate) mod browser;
pub(crate) mod feeds;
#[cfg(feature = "cluster")]
pub(crate) mod machines;
#[cfg(feature = "cluster")]
pub(crate) mod nats_server;
pub(crate) mod pipelines;
#[cfg(unix)]
pub(crate) mod terminal;

mod commands;
mod dead_letters;
mod plugins;
mod properties;
mod streams;

pub(crate) use commands::{Did, Listening, engine, fed, posted};
pub(crate) use dead_letters::{DeadLetters, divert_to_list};
pub(crate) use plugins::{function_of, hostile, misbehaving, only, plugin, root};
pub(crate) use properties::runner;
pub(crate) use streams::{List, Ran, list, put, ran};
