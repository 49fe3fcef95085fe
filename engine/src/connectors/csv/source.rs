//! Rows of comma-separated values, as a source.

use std::io::Read;

pub use crate::connectors::support::formats::Csv;
use crate::connectors::support::formats::{Layout, Reading};

/// A source of the rows of comma-separated values, each a JSON object with the header's names. Blank lines are
/// skipped. A row with more or fewer fields than the header is a fault (see [`Reading::on_fault`]), and so is one
/// that is not UTF-8, whose last field has no closing quote at the end of the file, or whose record would be longer
/// than 32 MiB: its record is the row as it was read, and it has a number as rows have.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use engine::sources::{self, Csv, Feed};
/// use engine::{CancellationToken, Source, sinks};
///
/// let source = Source::new();
/// let (sink, rows) = sinks::list();
/// source.stream().map(|row: String| row).sink(sink);
/// let bytes = "name;height\nAda;1.65\n\"Bo \"\"B\"\"\";\n".as_bytes();
/// let csv = sources::csv(bytes, Csv::new().delimiter(b';').infer(true));
/// csv.feed(&source, &CancellationToken::new()).await?;
/// source.close().await?;
/// assert_eq!(rows.take(), [r#"{"name":"Ada","height":1.65}"#, r#"{"name":"Bo \"B\"","height":null}"#]);
/// # Ok(()) }
/// ```
pub fn csv<R: Read + Send + 'static>(reader: R, csv: Csv) -> Reading<R> {
    Reading::new(reader, Layout::Csv(csv))
}
