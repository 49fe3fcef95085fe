//! Reports what happens to a run on a cluster: each notice once.

use std::collections::HashSet;
use std::time::Duration;

use crate::cluster::description::Machine;
use crate::cluster::settings::{ClusterNotice, OnNotice};
use crate::text::PlainText;

/// Workers whose refused results are reported at most.
const MOST_TOLD: usize = 8;

/// What was told, so that it is not told again.
pub(super) struct Notices {
    on_notice: OnNotice,
    /// Workers whose results were refused.
    refused: HashSet<PlainText>,
    /// Why the run's queues could not be made again.
    not_made: Option<String>,
    /// That the broker is silent.
    silent: bool,
}

impl Notices {
    pub(super) fn new(on_notice: OnNotice) -> Self {
        Self { on_notice, refused: HashSet::new(), not_made: None, silent: false }
    }

    /// This host takes a run over.
    pub(super) fn taken_over(&self, run: &str, before: &Machine) {
        let Machine { name, process } = before;
        self.on_notice
            .tell(&format!("the run {run} was begun on {name} (process {process}): it is taken over"));
    }

    /// A result of a worker was refused.
    pub(super) fn refused(&mut self, worker: &PlainText, record: u64, reason: &str) {
        if self.refused.len() < MOST_TOLD && self.refused.insert(worker.clone()) {
            let notice =
                format!("refused the worker {worker}'s result for the records from {record} on: {reason}");
            self.on_notice.tell(&notice);
        }
    }

    /// Why the broker does not make the run's queues again, if it does not.
    pub(super) fn not_made(&mut self, reason: Option<String>) {
        if reason != self.not_made
            && let Some(reason) = &reason
        {
            self.on_notice.tell(&format!("the broker does not make the run's streams again: {reason}"));
        }
        self.not_made = reason;
    }

    /// The broker is silent, and is waited for.
    pub(super) fn silent(&mut self, address: &str, timeout: Duration) {
        if !std::mem::replace(&mut self.silent, true) {
            let notice =
                format!("waiting for the broker at {address}, which does not answer: {timeout:?} at most");
            self.on_notice.tell(&notice);
        }
    }

    /// The broker answers. `waiting` is what else the run waits for, if that is new.
    pub(super) fn answers(&mut self, waiting: Option<ClusterNotice>) {
        self.silent = false;
        if let Some(notice) = waiting {
            self.on_notice.report(&notice);
        }
    }
}
