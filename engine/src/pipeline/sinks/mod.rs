//! Sinks: where a pipeline file says that records go.

mod call;
mod csv;
mod file;
#[cfg(feature = "net")]
mod http;
#[cfg(feature = "cluster")]
mod nats;
mod process;
mod stdout;
mod tcp;
#[cfg(feature = "net")]
mod websocket;

pub(super) use call::Call;
pub(super) use csv::Csv;
pub(super) use file::File;
#[cfg(feature = "net")]
pub(super) use http::Http;
#[cfg(feature = "cluster")]
pub(super) use nats::Nats;
pub(super) use process::Process;
pub(super) use stdout::Stdout;
pub(super) use tcp::Tcp;
#[cfg(feature = "net")]
pub(super) use websocket::WebSocket;

/// The byte behind each record.
fn separator(null: bool) -> u8 {
    if null { 0 } else { b'\n' }
}
