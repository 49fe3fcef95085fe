//! Where elements enter a graph.

mod emit;
mod handle;
mod records;

pub use handle::Source;
pub use records::Refused;
