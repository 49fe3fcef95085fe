//! Tells what a run waits for, and for how long already.
//!
//! [`waits()`] lists the peers, servers and processes that streams of this process wait for now. Show it if a run takes
//! longer than you expect. Every such wait has a deadline, so none lasts forever.

// The engine never waits for a peer, a server or a process without a deadline of `table.rs`.

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

/// How long a run may take to end once it is told to, unless its user says otherwise: `drain` in the guide's table.
pub const DRAIN_TIMEOUT: std::time::Duration = DRAIN.time;
