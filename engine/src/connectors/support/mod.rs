//! What several connectors share.

#[cfg(feature = "cluster")]
pub(in crate::connectors) mod acknowledgements;
pub(in crate::connectors) mod backoff;
#[cfg(feature = "net")]
pub(in crate::connectors) mod batcher;
pub(in crate::connectors) mod consumers;
pub(in crate::connectors) mod delivery_status;
pub(in crate::connectors) mod file_writer;
pub(in crate::connectors) mod formats;
pub(in crate::connectors) mod options;
