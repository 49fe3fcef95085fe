//! Sinks against real files, formats, processes and connections.

mod consumers;
mod csv;
mod files;
mod http;
#[cfg(unix)]
mod process;
mod tcp;
mod websocket;
