//! Calls of functions: an instance, what came of a call, and why one failed.

pub(in crate::plugin) mod batch_size;
pub(in crate::plugin) mod cause;
pub(in crate::plugin) mod function_core;
pub(in crate::plugin) mod instance;
pub(in crate::plugin) mod outcome;
