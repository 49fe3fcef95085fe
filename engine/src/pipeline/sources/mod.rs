//! Sources: where a pipeline file says that records come from.

mod files;
mod folder;
mod format;
#[cfg(feature = "net")]
mod http;
mod letters;
#[cfg(feature = "cluster")]
mod nats;
mod periodic;
mod process;
mod rows;
mod stdin;
mod tcp;
#[cfg(feature = "net")]
mod websocket;

pub(super) use files::Files;
pub(super) use folder::Folder;
#[cfg(feature = "net")]
pub(super) use http::Http;
pub(super) use letters::Letters;
#[cfg(feature = "cluster")]
pub(super) use nats::{Nats, Server, check_subject};
pub(super) use periodic::Periodic;
pub(super) use process::Process;
pub(super) use rows::{Csv, Ndjson};
pub(super) use stdin::Stdin;
pub(super) use tcp::Tcp;
#[cfg(feature = "net")]
pub(super) use websocket::{WebSocket, websocket_url};
