//! Sources that read from outside the program.

pub use super::channel::source::{Channel, Sender, channel};
pub use super::file::source::{Files, files};
pub use super::folder::source::{Folder, folder};
#[cfg(feature = "net")]
pub use super::http::source::{Http, http};
#[cfg(feature = "cluster")]
pub use super::nats::source::{Nats, nats};
pub use super::periodic::source::{Periodic, periodic};
pub use super::process::source::{Process, process};
pub use super::support::formats::{Csv, Layout, Lines, Mark, Reading, csv, dead_letters, lines, ndjson};
pub use super::tcp::source::{Tcp, tcp};
#[cfg(feature = "net")]
pub use super::websocket::source::{WebSocket, websocket};
pub use crate::graph::Feed;
