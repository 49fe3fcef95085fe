//! Where a stream crosses into a segment.

use std::sync::Arc;

use crate::Error;
use crate::executor::Segment;
use crate::progress::Detached;

/// A segment, with the task that gathers its results.
pub(crate) struct Crossing {
    pub(crate) segment: Arc<Segment>,
    pub(crate) misuse: Option<Error>,
    pub(crate) gather: Detached,
}

impl Crossing {
    /// Waits until all is gathered. Given up midway, it can be called again.
    pub(crate) async fn close(&self) -> Result<(), Error> {
        if let Some(misuse) = &self.misuse {
            return Err(misuse.clone());
        }
        self.segment.close();
        self.gather.end().await
    }
}

impl Drop for Crossing {
    fn drop(&mut self) {
        // The task ends once it has passed on what is there.
        self.segment.close();
    }
}
