//! The operators, a file each: the method, its meaning, and the node behind it.

mod accumulate;
mod buffer;
mod collect;
mod combine_latest;
mod delay;
mod filter;
mod flat_map;
mod flatten;
mod frequencies;
mod function;
mod gather;
mod latest;
mod map;
mod partition;
mod partition_unique;
mod pluck;
mod rate_limit;
mod remove;
mod scatter;
mod slice;
mod sliding_window;
mod starmap;
mod timed_window;
mod truthy;
mod union;
mod unique;
mod zip;

pub use collect::Flush;
pub use filter::Filter;
pub use flat_map::FlatMap;
pub(crate) use function::FunctionNode;
pub use map::Map;
pub use partition_unique::Keep;
pub use pluck::Part;
pub(crate) use scatter::Crossing;
pub use starmap::Starmap;
