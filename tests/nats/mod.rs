//! Streams of a NATS server as sources and sinks.

// Helpers.
mod support;

mod acknowledgements;
mod order;
mod outages;
mod server;
