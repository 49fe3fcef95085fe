//! Requests: received by a source, sent by a sink.

mod posted;
pub(super) mod sink;
pub(super) mod source;
