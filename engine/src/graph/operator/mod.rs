//! Operators: what becomes of the elements of one stream.

mod attach;
mod contract;
mod kept;
mod node;

pub(crate) use attach::Guard;
pub use contract::{Operator, Outputs};
