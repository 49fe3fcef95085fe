//! Snapshots: status, rates, diagnosis and calls at one moment.

use super::diagnosis::diagnose;
use super::{Monitor, lock};
use crate::metrics::{Rates, Snapshot, Status};

/// The time whose calls a snapshot contains, and the time whose calls are one bar, in milliseconds.
const WINDOW: u64 = 6000;
const GRAIN: u64 = 20;

impl Monitor {
    /// The run at this moment. Its rates cover about two seconds if snapshots are taken at least that often.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (status, rates) = self.sample();
        let mut samples = lock(&self.watch().samples);
        let diagnosis = diagnose(&status, &rates, samples.named);
        samples.named = diagnosis.node.or(samples.named);
        drop(samples);
        Snapshot { diagnosis, rates, lanes: self.lanes(WINDOW, GRAIN), status }
    }

    /// Reads the status and keeps it, so that later rates are measured against it.
    pub(crate) fn sample(&self) -> (Status, Rates) {
        let status = self.status();
        let mut samples = lock(&self.watch().samples);
        let rates = samples.rates(&status);
        samples.keep(&status);
        (status, rates)
    }

    /// Records in and out since the start, at the moments when [snapshots](Self::snapshot) were taken.
    #[must_use]
    pub fn history(&self) -> crate::metrics::History {
        lock(&self.watch().samples).history.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Cause, Fault};

    #[test]
    fn after_the_end_the_snapshot_stays_the_same() {
        let monitor = Monitor::new();
        monitor.end(None);
        let first = monitor.snapshot();
        while monitor.watch().begun.elapsed().as_millis() < u128::from(first.status.run.now) + 2 {
            std::hint::spin_loop();
        }
        let [one, other] = [first, monitor.snapshot()].map(|told| serde_json::to_value(told).unwrap());
        assert_eq!(one, other);
        assert_eq!(monitor.history().at.len(), monitor.history().emitted.len());
    }

    #[test]
    fn an_hour_of_events_takes_no_more_room_than_minutes() {
        let monitor = Monitor::new();
        let watch = monitor.watch();
        let mut told = Vec::new();
        // As many snapshots as in an hour, with more events than are kept.
        for snapshot in 1..=9000_u64 {
            for event in 0..20 {
                watch.calls.push(event % 2, 1, Duration::ZERO, event == 0);
                let message = format!("{snapshot} {event:0>60}");
                let cause = Cause::Failed { message: message.as_str().into(), retryable: false };
                let fault = Fault::new(snapshot, "f", cause);
                watch.faults.push(snapshot, &fault, Some(message.as_bytes()), None);
                monitor.note_line("f", &message);
            }
            let latest = monitor.snapshot();
            if snapshot.is_multiple_of(1500) {
                // The number of calls has a test of its own.
                let all = serde_json::to_string(&(latest.status, monitor.history())).unwrap();
                told.push(all.len());
            }
        }
        let (first, last) = (told[0], told[told.len() - 1]);
        assert!(last < first + first / 10, "{told:?}");
    }
}
