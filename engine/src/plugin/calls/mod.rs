//! Calls of functions: an instance, its limits of time, and what came of a call.

pub(in crate::plugin) mod batch_size;
pub(in crate::plugin) mod cause;
pub(in crate::plugin) mod function_core;
pub(in crate::plugin) mod hints;
pub(in crate::plugin) mod instance;
pub(in crate::plugin) mod meter;
pub(in crate::plugin) mod outcome;
