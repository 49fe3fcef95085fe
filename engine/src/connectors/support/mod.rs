//! What several connectors share: consumers, formats, options, positions in files, and reports of what was delivered.

pub(in crate::connectors) mod backoff;
pub(in crate::connectors) mod consumers;
pub(in crate::connectors) mod delivery_status;
mod file_contents;
pub(in crate::connectors) mod file_writer;
pub(in crate::connectors) mod formats;
pub(in crate::connectors) mod options;
pub(in crate::connectors) mod positions;
pub(in crate::connectors) mod unreadable;
pub(in crate::connectors) mod unwritten;
