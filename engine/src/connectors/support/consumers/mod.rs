//! The trait `Consumer`, by which users and most connectors write sinks.

mod consumed;
mod consumer;
mod kept;
mod node;
mod records;

pub use consumed::{Consumed, Each, Together, consumer, records};
pub use consumer::{Consumer, Refusal};
pub use records::Records;
