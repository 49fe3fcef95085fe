//! What was called when, on which thread.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;

use super::lock;

/// Calls of one function that follow one another at once are kept as one, in microseconds.
const APART: u64 = 500;
const TOGETHER: u64 = 5000;

/// So many calls of a thread are kept.
const MOST: usize = 8192;

/// One call, or several that were put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Bar {
    /// The function's place in the status.
    pub function: usize,
    /// When it began and ended, in microseconds since the start.
    pub from: u64,
    /// See `from`.
    pub to: u64,
    /// How many records it was given.
    pub records: u64,
    /// How many calls it was.
    pub calls: u64,
    /// Whether one of them failed.
    pub failed: bool,
}

/// The calls of a thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Lane {
    /// The thread's name.
    pub name: String,
    /// In the order of their ends.
    pub bars: Vec<Bar>,
}

/// The calls of all threads.
pub(crate) struct Calls {
    begun: Instant,
    threads: Mutex<Vec<Arc<Thread>>>,
}

struct Thread {
    name: String,
    calls: Mutex<VecDeque<Bar>>,
}

thread_local! {
    /// This thread's place, and whose it is.
    static OWN: RefCell<Option<(*const Calls, Arc<Thread>)>> = const { RefCell::new(None) };
}

impl Calls {
    pub(crate) fn new(begun: Instant) -> Self {
        Self { begun, threads: Mutex::default() }
    }

    /// A call has ended on this thread that took so long.
    pub(crate) fn push(&self, function: usize, records: usize, time: Duration, failed: bool) {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let to = micros(self.begun.elapsed());
        let from = to.saturating_sub(micros(time));
        let bar = Bar { function, from, to, records: records as u64, calls: 1, failed };
        OWN.with_borrow_mut(|own| {
            let own = match own {
                Some((whose, thread)) if std::ptr::eq(*whose, self) => thread,
                own => &own.insert((self, self.thread())).1,
            };
            let mut calls = lock(&own.calls);
            if let Some(last) = calls.back_mut().filter(|last| joins(last, &bar, APART, TOGETHER)) {
                return last.add(&bar);
            }
            if calls.len() == MOST {
                calls.pop_front();
            }
            calls.push_back(bar);
        });
    }

    /// This thread's place, which it may have had before.
    fn thread(&self) -> Arc<Thread> {
        let mut threads = lock(&self.threads);
        let current = std::thread::current();
        let name = current.name().unwrap_or("thread").trim_start_matches("engine-");
        let same = threads.iter().filter(|thread| thread.name.starts_with(name)).count();
        let name = if name == "main" { name.to_owned() } else { format!("{name} {}", same + 1) };
        let thread = Arc::new(Thread { name, calls: Mutex::default() });
        threads.push(thread.clone());
        thread
    }

    /// The calls of the `last` milliseconds. Those of one function that follow each other within `grain`
    /// milliseconds are one bar, so that there are not too many.
    pub(crate) fn lanes(&self, last: u64, grain: u64) -> Vec<Lane> {
        let now = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (since, grain) = (now.saturating_sub(last * 1000), grain * 1000);
        let lane = |thread: &Arc<Thread>| {
            let mut bars: Vec<Bar> = Vec::new();
            for call in lock(&thread.calls).iter().filter(|call| call.to >= since) {
                match bars.last_mut() {
                    Some(bar) if joins(bar, call, grain, 4 * grain) => bar.add(call),
                    _ => bars.push(*call),
                }
            }
            Lane { name: thread.name.clone(), bars }
        };
        let mut lanes: Vec<_> = lock(&self.threads).iter().map(lane).collect();
        lanes.sort_by(|one, other| one.name.cmp(&other.name));
        lanes
    }
}

impl Bar {
    /// A later call is a part of it.
    fn add(&mut self, call: &Self) {
        self.from = self.from.min(call.from);
        self.to = call.to;
        self.records += call.records;
        self.calls += call.calls;
    }
}

/// Whether a call is shown as one with those before it: so far apart at most, and not longer than that together.
fn joins(bar: &Bar, call: &Bar, apart: u64, together: u64) -> bool {
    let alike = bar.function == call.function && bar.failed == call.failed;
    alike && call.from <= bar.to + apart && call.to <= bar.from + together
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(function: usize, from: u64, to: u64) -> Bar {
        Bar { function, from, to, records: 1, calls: 1, failed: false }
    }

    #[test]
    fn short_calls_are_put_together_and_those_of_others_are_not() {
        let joins = |bar: Bar, call: Bar| super::joins(&bar, &call, 1000, 4000);
        assert!(joins(bar(0, 0, 10), bar(0, 15, 20)));
        assert!(!joins(bar(0, 0, 10), bar(1, 15, 20)));
        assert!(!joins(bar(0, 0, 10), bar(0, 2000, 2010)));
        assert!(!joins(bar(0, 0, 3990), bar(0, 3995, 4010)));
        assert!(!joins(bar(0, 0, 10), Bar { failed: true, ..bar(0, 15, 20) }));
    }

    #[test]
    fn a_thread_keeps_a_bounded_number_of_calls() {
        let calls = Calls::new(Instant::now());
        for call in 0..3 * MOST {
            calls.push(call % 2, 1, Duration::ZERO, false);
        }
        let lanes = calls.lanes(3_600_000, 1);
        assert_eq!(lanes.len(), 1);
        assert_eq!(lanes[0].bars.iter().map(|bar| bar.calls).sum::<u64>(), MOST as u64);
        // Those of one function take no more room than one.
        for _ in 0..3 * MOST {
            calls.push(0, 1, Duration::ZERO, false);
        }
        let sum = calls.lanes(3_600_000, 1)[0].bars.iter().map(|bar| bar.calls).sum::<u64>();
        assert!(sum > 3 * MOST as u64, "{sum}");
    }
}
