//! How much the elements that become one output may take together.

use std::sync::Arc;

use bytesize::ByteSize;

use crate::FaultPolicy;
use crate::graph::operator::Guard;

/// How much the elements of one output may take, and what becomes of one that would be too much: it is a fault, and
/// the operator goes on as if it had not come.
pub(crate) struct Bounds<T> {
    room: Room<T>,
    guard: Option<Guard<T>>,
}

impl<T> Bounds<T> {
    /// Elements that take what `weigh` says, up to `most` together. Too much is a fault of the node `name`, whose
    /// policy puts aside what `encode` gives.
    pub(crate) fn new(
        weigh: fn(&T) -> usize,
        most: usize,
        name: Arc<str>,
        policy: FaultPolicy,
        encode: fn(&T) -> Arc<[u8]>,
    ) -> Self {
        Self { room: Room { weigh, most }, guard: Some(Guard { policy, encode, name: Some(name) }) }
    }

    /// Any elements: they are values of the program's own.
    pub(super) fn none() -> Self {
        Self { room: Room { weigh: |_| 0, most: usize::MAX }, guard: None }
    }

    pub(super) fn parts(self) -> (Room<T>, Option<Guard<T>>) {
        (self.room, self.guard)
    }
}

/// How much the elements of one output may take.
pub(super) struct Room<T> {
    weigh: fn(&T) -> usize,
    most: usize,
}

impl<T> Room<T> {
    pub(super) fn weigh(&self, element: &T) -> usize {
        (self.weigh)(element)
    }

    /// What is taken with another element.
    pub(super) fn with(&self, taken: usize, element: &T) -> Result<usize, String> {
        let taken = taken.saturating_add(self.weigh(element));
        if taken <= self.most { Ok(taken) } else { Err(too_long(self.most)) }
    }
}

/// What is said of a record that would make another one too long.
pub(crate) fn too_long(most: usize) -> String {
    format!("what it becomes a part of would be longer than {}", ByteSize(most as u64))
}
