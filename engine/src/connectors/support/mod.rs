//! What several connectors share.

pub(in crate::connectors) mod backoff;
pub(in crate::connectors) mod consumers;
#[cfg(feature = "cluster")]
pub(in crate::connectors) mod deliveries;
pub(in crate::connectors) mod file_writer;
pub(in crate::connectors) mod formats;
pub(in crate::connectors) mod options;
#[cfg(feature = "net")]
pub(in crate::connectors) mod outbox;
pub(in crate::connectors) mod tally;
