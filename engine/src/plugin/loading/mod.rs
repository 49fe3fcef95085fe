//! From a file to a compiled plugin whose functions are known.

pub(in crate::plugin) mod ahead;
pub(in crate::plugin) mod cache;
pub(in crate::plugin) mod compiler;
pub(in crate::plugin) mod described;
pub(in crate::plugin) mod load;
mod marker;
mod reach;
