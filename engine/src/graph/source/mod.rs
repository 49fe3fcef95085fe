//! Where elements enter a graph.

mod emit;
mod handle;
mod records;
mod reports;

pub use handle::Source;
