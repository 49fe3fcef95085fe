//! Sinks of one's own, and most of ours: what takes elements or records at the end of a stream.

mod consumed;
mod consumer;
mod node;
mod records;

pub use consumed::{Consumed, Each, Together, consumer, records};
pub use consumer::{Consumer, Refusal};
pub use records::Records;
