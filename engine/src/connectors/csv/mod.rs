//! Files of comma-separated values.

pub(super) mod sink;
