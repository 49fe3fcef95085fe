//! The layouts of files: lines, CSV, NDJSON.

use std::io::Read;

use tokio_util::sync::CancellationToken;

use super::csv::CsvRows;
use super::line_rows::LineRows;
use super::ndjson::NdjsonRows;
use super::rows::{Origin, Rows, feed};
use super::{Csv, lines};
use crate::graph::Feed;
use crate::record::Record;
use crate::{Error, FaultPolicy, Source};

/// How the records of a file are laid out.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use engine::sources::{self, Csv, Feed, Layout};
/// use engine::{CancellationToken, Source, sinks};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("people.csv");
/// std::fs::write(&path, "name,age\nAda,36\n")?;
/// let source = Source::new();
/// let (sink, rows) = sinks::list::<String>();
/// source.stream().sink(sink);
/// let people = sources::files([path]).layout(Layout::Csv(Csv::new().infer(true)));
/// people.feed(&source, &CancellationToken::new()).await?;
/// source.close().await?;
/// assert_eq!(rows.take(), [r#"{"name":"Ada","age":36}"#]);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// Records that end with a byte. A carriage return before a newline is removed with it. See [`lines`].
    Lines {
        /// The byte that ends each record.
        separator: u8,
    },
    /// Rows of CSV, each read as a JSON object. See [`csv`](crate::sources::csv).
    Csv(Csv),
    /// Lines that are JSON. See [`ndjson`](crate::sources::ndjson).
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
    pub(crate) fn separator(&self) -> u8 {
        match self {
            Self::Lines { separator } => *separator,
            Self::Csv(_) | Self::Ndjson => b'\n',
        }
    }

    /// Its name in faults.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Lines { .. } => "lines",
            Self::Csv(_) => "csv",
            Self::Ndjson => "ndjson",
        }
    }

    /// What reads a file from its start.
    pub(crate) fn rows(&self) -> Box<dyn Rows> {
        match self {
            Self::Lines { separator } => Box::new(LineRows::new(*separator)),
            Self::Csv(csv) => Box::new(CsvRows::new(csv.clone())),
            Self::Ndjson => Box::new(NdjsonRows::default()),
        }
    }

    /// Emits the records of a reader. The reader itself counts its bytes.
    pub(crate) async fn feed<T: Record>(
        self,
        reader: impl Read + Send + 'static,
        origin: Origin,
        policy: &FaultPolicy,
        source: &Source<T>,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let Self::Lines { separator } = self else {
            return feed(reader, origin, &self, policy, source, stop).await;
        };
        let lines = lines(reader).separated_by(separator).counted().of(origin).on_fault(policy);
        lines.feed(source, stop).await
    }
}
