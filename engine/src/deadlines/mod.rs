//! Deadlines: the engine never waits for a peer, a server or a process without one.

mod dial;
mod table;
mod timely;
mod waits;

pub(crate) use dial::tcp;
#[cfg(feature = "net")]
pub(crate) use dial::{Socket, client, websocket};
pub(crate) use table::*;
pub(crate) use timely::Timely;
pub(crate) use waits::waiting;
pub use waits::{Wait, waits};
