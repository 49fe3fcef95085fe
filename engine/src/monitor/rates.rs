//! How fast a run is: what changed between two samples.

use std::collections::VecDeque;

use crate::metrics::{Counts, History, NodeRates, Rates, Status};

/// The time that rates are measured over, in milliseconds.
const OVER: u64 = 2000;

/// The least time between two samples, in milliseconds.
const APART: u64 = 200;

/// The counts of a status, against which rates are measured.
#[derive(Debug, Default)]
struct Sample {
    at: u64,
    counts: Counts,
    done: u64,
    /// Records and nanoseconds of each node.
    nodes: Vec<(u64, u64)>,
    /// Records of each edge.
    edges: Vec<u64>,
    /// Nanoseconds, records and calls of each function.
    functions: Vec<(u64, u64, u64)>,
}

/// The latest samples, and the history of the whole run.
#[derive(Debug, Default)]
pub(super) struct Samples {
    last: VecDeque<Sample>,
    pub(super) history: History,
    /// The node that the latest diagnosis named.
    pub(super) named: Option<usize>,
}

impl Samples {
    /// Adds a status.
    pub(super) fn keep(&mut self, status: &Status) {
        self.history.keep(status);
        let now = status.run.now;
        if self.last.back().is_some_and(|last| last.at + APART > now) {
            return;
        }
        self.last.push_back(Sample::of(status));
        while self.last.get(1).is_some_and(|second| second.at + OVER <= now) {
            self.last.pop_front();
        }
    }

    /// The rates at this status.
    pub(super) fn rates(&self, status: &Status) -> Rates {
        let begin = Sample::default();
        let before = self.last.front().filter(|then| then.at < status.run.now && !status.run.state.is_end());
        between(before.unwrap_or(&begin), status)
    }
}

impl Sample {
    fn of(status: &Status) -> Self {
        Self {
            at: status.run.now,
            counts: status.run.counts,
            done: status.run.input.map_or(0, |input| input.done),
            nodes: status.nodes.iter().map(|node| (node.records, node.nanos)).collect(),
            edges: status.edges.iter().map(|edge| edge.records).collect(),
            functions: status
                .functions
                .iter()
                .map(|function| (function.nanos, function.records, function.calls))
                .collect(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "rates are rounded")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is not negative")]
fn between(then: &Sample, status: &Status) -> Rates {
    let paused = if status.run.state.is_end() { status.run.paused } else { 0 };
    let over = status.run.now.saturating_sub(then.at + paused).max(1);
    let per_second = |now: u64, then: u64| now.saturating_sub(then) as f64 * 1000.0 / over as f64;
    let part = |now: u64, then: u64, of: usize| {
        (now.saturating_sub(then) as f64 / (over as f64 * 1e6) / of.max(1) as f64).min(1.0)
    };
    let threads = status.threads();
    let nodes = status.nodes.iter().enumerate().map(|(place, node)| {
        let (records, nanos) = then.nodes.get(place).copied().unwrap_or_default();
        let on_pool = node.function.is_some();
        let share = part(node.nanos, nanos, if on_pool { threads } else { 1 });
        let waits = (node.hands_over || node.meets) && !on_pool;
        NodeRates {
            records: per_second(node.records, records),
            busy: if waits { 0.0 } else { share },
            waited: if waits { share } else { 0.0 },
        }
    });
    let edges =
        status.edges.iter().enumerate().map(|(place, edge)| {
            per_second(edge.records, then.edges.get(place).copied().unwrap_or_default())
        });
    let functions = status.functions.iter().enumerate().map(|(place, function)| {
        let of = if status.is_on_pool(place) { threads } else { 1 };
        part(function.nanos, then.functions.get(place).copied().unwrap_or_default().0, of)
    });
    let records_a_call = status.functions.iter().enumerate().map(|(place, function)| {
        let (_, records, calls) = then.functions.get(place).copied().unwrap_or_default();
        // If there were no calls since, all calls before count.
        let (records, calls) = if function.calls > calls { (records, calls) } else { (0, 0) };
        (function.records - records) as f64 / (function.calls - calls).max(1) as f64
    });
    let left = status.run.input.filter(|_| !status.run.state.is_end()).and_then(|input| {
        let speed = per_second(input.done, then.done);
        (speed > 0.0).then(|| (input.all.saturating_sub(input.done) as f64 * 1000.0 / speed) as u64)
    });
    Rates {
        over,
        emitted: per_second(status.run.counts.emitted, then.counts.emitted),
        delivered: per_second(status.run.counts.delivered, then.counts.delivered),
        left,
        nodes: nodes.collect(),
        edges: edges.collect(),
        functions: functions.collect(),
        records_a_call: records_a_call.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Monitor;
    use crate::metrics::{FunctionStatus, RunState};

    #[test]
    fn a_pause_does_not_count_in_the_rate() {
        let mut status = Monitor::new().status();
        (status.run.now, status.run.paused, status.run.counts.emitted) = (12_000, 10_000, 100);
        status.run.state = RunState::Done;
        assert_eq!(Samples::default().rates(&status).emitted, 50.0);
    }

    #[test]
    fn call_times_cover_the_latest_calls() {
        let mut status = Monitor::new().status();
        let mut past = Samples::default();
        let mut records_a_call = |now, calls, records| {
            status.run.now = now;
            status.functions = vec![FunctionStatus { calls, records, ..FunctionStatus::default() }];
            past.keep(&status);
            past.rates(&status).records_a_call[0]
        };
        assert_eq!(records_a_call(1000, 10, 10), 1.0);
        assert_eq!(records_a_call(2000, 20, 510), 50.0);
        assert_eq!(records_a_call(9000, 30, 520), 1.0);
        // There was none of late.
        assert_eq!(records_a_call(12_000, 30, 520), 520.0 / 30.0);
    }
}
