//! A result, of which parts are missing.

use std::collections::BTreeMap;

use bytes::Bytes;

/// Workers whose results in parts are kept for one task at once.
pub(super) const MOST_DRAFTS: usize = 4;

/// Bytes of all results whose other parts are missing, at most, or the most that one of them may have.
pub(super) const MOST_DRAFTED: usize = 256 << 20;

/// The cost of a part beside its bytes, in bytes: an empty one is not for nothing.
pub(super) const PART_COST: usize = 1 << 10;

/// A result, of which parts are missing.
#[derive(Debug)]
pub(super) struct Draft<T> {
    /// Tells it from what others made of the same task.
    pub(super) nonce: u64,
    pub(super) parts: BTreeMap<u32, Bytes>,
    /// How many there are.
    pub(super) all: u32,
    pub(super) tokens: Vec<T>,
    /// The bytes of those parts that are not acknowledged.
    pub(super) held: usize,
    /// What its parts cost, in bytes.
    pub(super) cost: usize,
}

impl<T> Draft<T> {
    pub(super) fn new(nonce: u64, all: u32) -> Self {
        Self { nonce, parts: BTreeMap::new(), all, tokens: Vec::new(), held: 0, cost: 0 }
    }
}
