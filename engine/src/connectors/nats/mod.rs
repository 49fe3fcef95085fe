//! Streams of a NATS server.

mod link;
mod post;
pub(super) mod sink;
pub(super) mod source;
