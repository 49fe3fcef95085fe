//! The status that one export tells of.

use std::sync::{Arc, Mutex};

use tokio::sync::SetOnce;
use tokio::time::Instant;

use crate::Monitor;
use crate::metrics::Status;
use crate::monitor::lock;

/// Reads a status when the first instrument is asked, for all others and for the spans as well.
pub(super) struct Latest {
    pub(super) monitor: Monitor,
    ending: Arc<SetOnce<Instant>>,
    moment: Mutex<Option<Arc<Moment>>>,
}

pub(super) struct Moment {
    pub(super) status: Status,
    /// Whether nothing comes behind it.
    pub(super) last: bool,
}

impl Latest {
    pub(super) fn new(monitor: &Monitor, ending: Arc<SetOnce<Instant>>) -> Self {
        Self { monitor: monitor.clone(), ending, moment: Mutex::default() }
    }

    pub(super) fn read(&self) -> Arc<Moment> {
        let mut moment = lock(&self.moment);
        let read = || {
            let last = self.ending.initialized();
            Arc::new(Moment { status: self.monitor.status(), last })
        };
        moment.get_or_insert_with(read).clone()
    }

    /// The same, and the next one reads anew.
    pub(super) fn take(&self) -> Arc<Moment> {
        let moment = self.read();
        lock(&self.moment).take();
        moment
    }
}
