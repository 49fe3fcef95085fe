//! How much of an input was read.

use std::io::{self, Read};
use std::sync::Arc;

use crate::progress::Counters;

/// A reader whose bytes count as read.
pub(crate) struct Counting<R> {
    reader: R,
    counters: Arc<Counters>,
}

impl<R> Counting<R> {
    pub(crate) fn new(reader: R, counters: Arc<Counters>) -> Self {
        Self { reader, counters }
    }
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.counters.read_bytes(read as u64);
        Ok(read)
    }
}
