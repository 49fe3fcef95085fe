//! What a source's graph has done so far.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;
use tokio::sync::SetOnce;

use crate::Error;

/// How many records went where, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Emitted by the source.
    pub emitted: u64,
    /// In scattered segments, neither delivered nor dropped yet.
    pub unfinished: u64,
    /// Taken by sinks.
    pub delivered: u64,
    /// Records that became faults.
    pub faults: u64,
}

/// What the nodes of a graph tell its source.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    emitted: AtomicU64,
    unfinished: AtomicU64,
    delivered: AtomicU64,
    faults: AtomicU64,
    failure: SetOnce<Error>,
}

impl Counters {
    /// A segment failed: the source need not wait for its next element to know.
    pub(crate) fn fail(&self, error: Error) {
        // The first failure is the one that counts.
        let _ = self.failure.set(error);
    }

    /// Waits until a segment fails.
    pub(crate) async fn failure(&self) -> Error {
        self.failure.wait().await.clone()
    }

    pub(crate) fn emit(&self, records: usize) {
        self.emitted.fetch_add(records as u64, Relaxed);
    }

    pub(crate) fn begin(&self, records: usize) {
        self.unfinished.fetch_add(records as u64, Relaxed);
    }

    pub(crate) fn end(&self, records: usize) {
        self.unfinished.fetch_sub(records as u64, Relaxed);
    }

    pub(crate) fn deliver(&self, records: usize) {
        self.delivered.fetch_add(records as u64, Relaxed);
    }

    pub(crate) fn fault(&self) {
        self.faults.fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self) -> Counts {
        Counts {
            emitted: self.emitted.load(Relaxed),
            unfinished: self.unfinished.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            faults: self.faults.load(Relaxed),
        }
    }
}
