//! What a source reads can't be read.

use std::io;
use std::sync::Arc;

use bytesize::ByteSize;

use crate::text::short;

/// What a source reads can't be read.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// Reading the input failed.
    #[error("can't read the input after record {record}")]
    Read {
        /// The last whole record before.
        record: u64,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A record is longer than a batch may be.
    #[error("record {record} of the input is longer than {}", ByteSize(*limit))]
    LongRecord {
        /// Its number.
        record: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The first row of comma-separated values can't be used as a header.
    #[error("the header can't be used: {}", short(reason))]
    Header {
        /// What is wrong with it.
        reason: String,
    },
}
