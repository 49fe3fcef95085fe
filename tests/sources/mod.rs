//! Sources against real files, formats, processes and connections.

// Helpers.
mod support;

// Files.
mod files;
#[cfg(unix)]
mod followed;
mod growing;
#[cfg(unix)]
mod inputs;
mod positions;
mod rows;

// Others.
mod channel;
mod generated;
mod http;
mod limits;
#[cfg(unix)]
mod process;
mod tcp;
mod websocket;
