//! Metrics and traces can't be sent.

use std::sync::Arc;

/// Metrics and traces can't be sent.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// A text is not the address of a collector.
    #[error("{address:?} is not the address of a collector: {reason}")]
    Address {
        /// The text.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Metrics and traces can't be sent.
    #[error("can't send metrics and traces to {url}")]
    Send {
        /// Where the collector is.
        url: String,
        /// Why.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}
