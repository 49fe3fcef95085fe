//! Records and batches: what travels, and how Rust types become the bytes of a record.

mod batch;
mod codec;
mod numbers;
mod positions;

/// The longest record that comes in, in bytes.
pub(crate) const LONGEST: usize = 32 << 20;

pub(crate) use batch::{Batch, BatchBuilder};
pub(crate) use codec::shorten;
pub use codec::{Format, Json, Record, Shape};
pub(crate) use numbers::Numbers;
pub(crate) use positions::positions;
