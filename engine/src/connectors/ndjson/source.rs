//! The source `ndjson`: lines that are JSON.

use std::io::Read;

use crate::connectors::support::formats::{Layout, Reading};

/// Emits each line of a reader that is a JSON value, as it was written. Blank lines are skipped. A line that is not JSON
/// is a fault (see [`Reading::on_fault`]); it has a record number too. A thread reads ahead. A line has at most 32 MiB.
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
