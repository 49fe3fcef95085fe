//! Scattered streams: concurrent, in order, and bounded by the buffer.

// Helpers.
mod support;

mod buffer;
mod hangs;
mod order;
mod refusals;
mod threads;
