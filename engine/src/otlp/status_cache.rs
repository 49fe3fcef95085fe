//! The status that an export sends.

use std::sync::{Arc, Mutex};

use tokio::sync::SetOnce;
use tokio::time::Instant;

use crate::Monitor;
use crate::metrics::Status;
use crate::monitor::lock;

/// Reads the status once for each export, so that all instruments and spans of it show the same.
pub(super) struct StatusCache {
    pub(super) monitor: Monitor,
    ending: Arc<SetOnce<Instant>>,
    read_status: Mutex<Option<Arc<ReadStatus>>>,
}

pub(super) struct ReadStatus {
    pub(super) status: Status,
    /// Whether this is the last export.
    pub(super) is_last: bool,
}

impl StatusCache {
    pub(super) fn new(monitor: &Monitor, ending: Arc<SetOnce<Instant>>) -> Self {
        Self { monitor: monitor.clone(), ending, read_status: Mutex::default() }
    }

    /// The status of this export.
    pub(super) fn read(&self) -> Arc<ReadStatus> {
        let mut read_status = lock(&self.read_status);
        let read = || {
            let is_last = self.ending.initialized();
            Arc::new(ReadStatus { status: self.monitor.status(), is_last })
        };
        read_status.get_or_insert_with(read).clone()
    }

    /// The status of this export, which ends it: the next call reads a new one.
    pub(super) fn take(&self) -> Arc<ReadStatus> {
        let read_status = self.read();
        lock(&self.read_status).take();
        read_status
    }
}
