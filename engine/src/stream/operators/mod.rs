//! The operators, a file each: the method, its meaning, and the node behind it.

mod buffer;
mod filter;
mod flat_map;
mod function;
mod gather;
mod map;
mod scatter;

pub use filter::Filter;
pub use flat_map::FlatMap;
pub(crate) use function::FunctionNode;
pub use map::Map;
pub(crate) use scatter::Crossing;
