//! All that somebody who looks is told at once.

use super::diagnosis::diagnose;
use super::{Monitor, lock};
use crate::metrics::{Rates, Snapshot, Status};

/// How much of the past is told of calls, in milliseconds, and calls within how many are one bar.
const WINDOW: u64 = 6000;
const GRAIN: u64 = 20;

impl Monitor {
    /// The run at this moment, with its rates since some two seconds: as long as somebody asks that often.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (status, rates) = self.look();
        let mut past = lock(&self.watch().past);
        let diagnosis = diagnose(&status, &rates, past.named);
        past.named = diagnosis.node.or(past.named);
        drop(past);
        Snapshot { diagnosis, rates, lanes: self.lanes(WINDOW, GRAIN), status }
    }

    /// The status, which the next ones are held against.
    pub(crate) fn look(&self) -> (Status, Rates) {
        let status = self.status();
        let mut past = lock(&self.watch().past);
        let rates = past.rates(&status);
        past.keep(&status);
        (status, rates)
    }

    /// The whole run, as far as [snapshots](Self::snapshot) were taken.
    #[must_use]
    pub fn history(&self) -> crate::metrics::History {
        lock(&self.watch().past).history.clone()
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
        // Looked at as often as in an hour, with more events than anybody reads.
        for look in 1..=9000_u64 {
            for event in 0..20 {
                watch.calls.push(event % 2, 1, Duration::ZERO, event == 0);
                let message = format!("{look} {event:0>60}");
                let fault = Fault {
                    record: look,
                    function: "f".into(),
                    cause: Cause::Failed { message: message.as_str().into(), retryable: false },
                };
                watch.faults.push(look, &fault, Some(message.as_bytes()));
                monitor.note_line("f", &message);
            }
            let snapshot = monitor.snapshot();
            if look.is_multiple_of(1500) {
                // How many calls there are at once has a test of its own.
                let all = serde_json::to_string(&(snapshot.status, monitor.history())).unwrap();
                told.push(all.len());
            }
        }
        let (first, last) = (told[0], told[told.len() - 1]);
        assert!(last < first + first / 10, "{told:?}");
    }
}
