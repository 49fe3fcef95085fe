//! The records that a sink gets in one call, as bytes.

use std::borrow::Cow;

use crate::record::Batch;

/// Consecutive records that a sink gets in one call, as bytes. At least one.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
///
/// use engine::sinks::{self, Consumer, Records, Refusal};
///
/// /// Counts bytes.
/// struct Size(Arc<AtomicUsize>);
///
/// impl Consumer<Records> for Size {
///     async fn take(&mut self, records: Records) -> Result<(), Refusal> {
///         for (index, record) in records.iter().enumerate() {
///             if record.is_empty() {
///                 return Err(Refusal::fault("it is empty").at(index));
///             }
///             self.0.fetch_add(record.len(), Relaxed);
///         }
///         Ok(())
///     }
/// }
///
/// let (source, size) = (engine::Source::new(), Arc::new(AtomicUsize::new(0)));
/// source.stream().map(|word: String| word + "!").sink(sinks::records(Size(size.clone())));
/// source.emit("now".to_owned()).await?;
/// source.close().await?;
/// assert_eq!(size.load(Relaxed), 4);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Records(Batch);

impl Records {
    pub(crate) fn new(batch: Batch) -> Self {
        Self(batch)
    }

    /// The number of records.
    #[expect(clippy::len_without_is_empty, reason = "there is at least one")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes of each record.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.0.len()).map(|index| self.0.record(index))
    }

    /// All records in one run of bytes, with `end` after each. Copies nothing if the bytes are not shared.
    pub fn ended_by(&mut self, end: u8) -> Cow<'_, [u8]> {
        self.0.separated(end)
    }
}
