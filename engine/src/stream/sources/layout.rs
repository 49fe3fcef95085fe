//! How the bytes of a file are cut into records.

use std::io::Read;

use tokio_util::sync::CancellationToken;

use super::csv::CsvRows;
use super::ndjson::NdjsonRows;
use super::rows::feed;
use super::{Csv, Feed, lines};
use crate::record::Record;
use crate::{Error, FaultPolicy, Source};

/// How the bytes of a file are cut into records.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// Records that end with a byte; a carriage return before a newline goes with it. See [`lines`].
    Lines {
        /// The byte.
        separator: u8,
    },
    /// Rows, each a JSON object. See [`csv`](super::csv).
    Csv(Csv),
    /// Lines that are JSON. See [`ndjson`](super::ndjson).
    Ndjson,
}

impl Default for Layout {
    /// Lines.
    fn default() -> Self {
        Self::Lines { separator: b'\n' }
    }
}

impl Layout {
    /// The byte that ends a record.
    pub(super) fn separator(&self) -> u8 {
        match self {
            Self::Lines { separator } => *separator,
            Self::Csv(_) | Self::Ndjson => b'\n',
        }
    }

    pub(super) async fn feed<T: Record>(
        self,
        reader: impl Read + Send + 'static,
        policy: &FaultPolicy,
        source: &Source<T>,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        match self {
            Self::Lines { separator } => lines(reader).separated_by(separator).feed(source, stop).await,
            Self::Csv(csv) => feed(reader, CsvRows::new(csv), policy, source, stop).await,
            Self::Ndjson => feed(reader, NdjsonRows::default(), policy, source, stop).await,
        }
    }
}
