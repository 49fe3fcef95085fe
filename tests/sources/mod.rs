//! Sources against real files, formats, processes and connections.

// Helpers.
mod support;

// Files.
mod files;
mod growing;
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
