//! The ends of a graph.

pub use super::csv::sink::{Csv, csv};
pub use super::file::sink::{Files, files};
#[cfg(feature = "net")]
pub use super::http::sink::{Http, http};
pub use super::lines::sink::{Lines, lines};
pub use super::list::sink::{Collector, List, list};
#[cfg(feature = "cluster")]
pub use super::nats::sink::{Nats, nats};
pub use super::process::sink::{Process, process};
pub use super::support::consumers::{
    Consumed, Consumer, Each, Records, Refusal, Together, consumer, records,
};
pub use super::tcp::sink::{Tcp, tcp};
#[cfg(feature = "net")]
pub use super::websocket::sink::{WebSocket, websocket};
