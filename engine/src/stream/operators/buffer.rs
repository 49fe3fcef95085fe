//! `buffer`: how much may wait, or be unfinished.

use tokio::time::Instant;

use crate::stream::queue::Pace;
use crate::stream::{Scattered, Stream};

impl<T: Clone + Send + 'static> Stream<T> {
    /// Up to `n` elements wait here, so that who emits need not wait for what is behind; the next one waits
    /// outside. At least 1. What is behind runs in a task of its own.
    ///
    /// ```
    /// let source = engine::Source::new();
    /// // A branch that is slow now and then does not hold the others.
    /// source.stream().buffer(1000).sink(|line: String| println!("{line}"));
    /// ```
    pub fn buffer(self, n: usize) -> Self {
        self.queue(n, AtOnce)
    }
}

struct AtOnce;

impl Pace for AtOnce {
    async fn wait(&mut self, _: Instant) {}
}

impl<T> Scattered<T> {
    /// At most `n` records of the stretch before it (or of the one that begins, if there is none) are
    /// unfinished at once; the source waits when there are. At least 1.
    ///
    /// The bytes that wait, are at work or are not yet gathered are bounded too: at some 8 MiB, and half
    /// a MiB a worker.
    pub fn buffer(mut self, n: usize) -> Self {
        let n = n.max(1);
        self.buffer = Some(n);
        for segment in self.unbuffered.drain(..) {
            segment.allow(n - 1);
        }
        self.complete = !self.stages.is_empty();
        self
    }
}
