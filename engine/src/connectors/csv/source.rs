//! The source `csv`: rows of comma-separated values.

use std::io::Read;

pub use crate::connectors::support::formats::Csv;
use crate::connectors::support::formats::{Layout, Reading};

/// Emits each row of comma-separated values as a JSON object with the header's names. Blank lines are skipped, unless there
/// is only one column: then each is an empty value. A thread reads ahead.
///
/// A row is a fault (see [`Reading::on_fault`]) if it has more or fewer fields than the header, is not UTF-8, has no
/// closing quote before the end of the file, has a field that goes on after its closing quote, or if its record would be
/// longer than 32 MiB. The fault's record is the row as it was read; it has a record number too. A header that can't be
/// used ends the run.
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
