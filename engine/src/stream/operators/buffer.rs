//! `buffer`: how many records of a segment may be unfinished.

use crate::stream::Scattered;

impl<T> Scattered<T> {
    /// At most `n` records of the stretch before it (or of the one that begins, if there is none) are unfinished at once; the source waits when
    /// there are. At least 1.
    ///
    /// The bytes that wait, are at work or are not yet gathered are bounded too: at some 8 MiB, and half
    /// a MiB a worker.
    pub fn buffer(mut self, n: usize) -> Self {
        self.buffer = Some(n.max(1));
        self.complete = !self.stages.is_empty();
        self
    }
}
