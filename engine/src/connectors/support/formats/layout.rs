//! The layouts of files: lines, CSV, NDJSON.

use std::io::Read;

use tokio_util::sync::CancellationToken;

use super::csv::CsvRows;
use super::ndjson::NdjsonRows;
use super::rows::{Origin, feed};
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

    /// Emits the records of a reader. The reader itself counts its bytes.
    pub(crate) async fn feed<T: Record>(
        self,
        reader: impl Read + Send + 'static,
        origin: Origin,
        policy: &FaultPolicy,
        source: &Source<T>,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        match self {
            Self::Lines { separator } => {
                lines(reader).separated_by(separator).counted().feed(source, stop).await
            }
            Self::Csv(csv) => feed(reader, &origin, CsvRows::new(csv), policy, source, stop).await,
            Self::Ndjson => feed(reader, &origin, NdjsonRows::default(), policy, source, stop).await,
        }
    }
}
