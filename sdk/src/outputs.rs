//! The outputs of a call, written one after another into the contract's layout.

use crate::contract::Batch;
use crate::failure::Failure;

/// The outputs so far.
pub struct Outputs {
    batch: Batch,
}

/// A place between two outputs, to go back to.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    data: usize,
    ends: usize,
}

impl Outputs {
    /// Space for `count` outputs of `bytes` bytes in all. Both may turn out larger.
    pub(crate) fn with_capacity(count: usize, bytes: usize) -> Self {
        let ends = Vec::with_capacity(count);
        Self { batch: Batch { data: Vec::with_capacity(bytes), ends } }
    }

    /// Appends the record that `write` writes.
    #[inline]
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>) -> Result<(), Failure> {
        write(&mut self.batch.data)?;
        self.batch.ends.push(self.batch.data.len() as u32);
        self.batch.data.push(b'\n');
        Ok(())
    }

    /// The size of all outputs, in bytes.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        self.batch.data.len()
    }

    #[inline]
    pub(crate) fn mark(&self) -> Mark {
        Mark { data: self.batch.data.len(), ends: self.batch.ends.len() }
    }

    /// Takes back all that was written since `mark`.
    #[cold]
    #[inline(never)]
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.batch.data.truncate(mark.data);
        self.batch.ends.truncate(mark.ends);
    }

    pub(crate) fn into_batch(self) -> Batch {
        self.batch
    }
}

/// A batch of no records.
pub(crate) fn empty() -> Batch {
    Batch { data: Vec::new(), ends: Vec::new() }
}
