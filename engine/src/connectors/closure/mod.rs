//! Closures as sinks.

pub(super) mod sink;
