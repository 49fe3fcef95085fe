//! Counts the bytes that are read of an input.

use std::io::{self, Read};
use std::sync::Arc;

use crate::progress::GraphContext;

/// A reader that counts its bytes for the graph.
pub(crate) struct Counting<R> {
    reader: R,
    context: Arc<GraphContext>,
}

impl<R> Counting<R> {
    pub(crate) fn new(reader: R, context: Arc<GraphContext>) -> Self {
        Self { reader, context }
    }
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.context.read_bytes(read as u64);
        Ok(read)
    }
}
