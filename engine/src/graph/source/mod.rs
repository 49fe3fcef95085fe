//! Where elements enter a graph.

mod emit;
mod handle;
mod hold;
mod records;

pub use handle::Source;
pub(crate) use hold::{HeldSource, HoldSource};
pub use records::Refused;
