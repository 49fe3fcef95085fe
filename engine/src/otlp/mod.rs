//! Metrics and traces of a run for an OpenTelemetry collector (OTLP over HTTP).
//!
//! The [`Monitor`](crate::Monitor) counts. A thread of OpenTelemetry's SDK reads a status every few seconds, and sends
//! its figures with the calls and faults that are new. A run waits for that only at its end.

mod client;
mod collector;
mod environment;
mod export;
mod exporter;
mod instruments;
mod spans;
mod status_cache;

pub use collector::Collector;
pub use export::Otlp;
