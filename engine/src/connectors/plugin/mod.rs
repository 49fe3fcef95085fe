//! Sink functions of plugins.

pub(super) mod sink;
