//! Lines over TCP.

pub(super) mod sink;
pub(super) mod source;
