//! Operators that take from two streams.

mod contract;
mod kept;
mod node;

pub(in crate::graph) use contract::BinaryOperator;
pub use contract::Side;
