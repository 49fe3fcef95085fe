//! How many records per second each worker of a cluster does.

use std::collections::HashMap;

use engine::metrics::Status;
use engine::text::PlainText;

/// A worker whose count of records has not changed for this many milliseconds counts as idle.
const SILENT: u64 = 5000;

/// The rates of workers, which report every two seconds: each is measured from one report to the next.
#[derive(Debug, Default)]
pub(super) struct WorkerRates(HashMap<PlainText, LastReport>);

#[derive(Debug)]
struct LastReport {
    records: u64,
    at: u64,
    rate: f64,
}

impl WorkerRates {
    /// Takes a status in.
    #[expect(clippy::cast_precision_loss, reason = "rates are rounded")]
    pub(super) fn keep(&mut self, status: &Status) {
        let now = status.run.now;
        let workers = status.workers.as_deref().unwrap_or_default();
        self.0.retain(|name, _| workers.iter().any(|worker| worker.name == *name));
        for worker in workers {
            let records = worker.records;
            let new = LastReport { records, at: now, rate: 0.0 };
            let last = self.0.entry(worker.name.clone()).or_insert(new);
            let passed = now.saturating_sub(last.at);
            if records > last.records && passed > 0 {
                let rate = (records - last.records) as f64 * 1000.0 / passed as f64;
                *last = LastReport { records, at: now, rate };
            } else if records < last.records {
                *last = LastReport { records, at: now, rate: 0.0 };
            } else if passed > SILENT {
                last.rate = 0.0;
            }
        }
    }

    /// Records per second.
    pub(super) fn of(&self, worker: &PlainText) -> f64 {
        self.0.get(worker).map_or(0.0, |report| report.rate)
    }
}
