//! Lines that are JSON, as a source.

use std::io::Read;

use crate::connectors::support::formats::{Layout, Reading};

/// A source of lines that are one JSON value each, as they stand. Blank lines are skipped, and are no records. A
/// line that is no JSON is a fault (see [`Reading::on_fault`]), which has a number as records have.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use engine::sources::{self, Feed};
/// use engine::{CancellationToken, FaultPolicy, Json, Source, sinks};
///
/// let source = Source::new();
/// let (sink, pairs) = sinks::list();
/// source.stream().map(|Json(pair): Json<(i64, i64)>| pair).sink(sink);
/// let lines = "[1,2]\n\n[3,\n[5,6]\n".as_bytes();
/// let ndjson = sources::ndjson(lines).on_fault(&FaultPolicy::skip());
/// ndjson.feed(&source, &CancellationToken::new()).await?;
/// source.close().await?;
/// assert_eq!(pairs.take(), [(1, 2), (5, 6)]);
/// # Ok(()) }
/// ```
pub fn ndjson<R: Read + Send + 'static>(reader: R) -> Reading<R> {
    Reading::new(reader, Layout::Ndjson)
}
