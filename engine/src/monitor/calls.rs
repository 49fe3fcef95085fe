//! Keeps which function was called when, on which thread.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::lock;
use crate::metrics::{Bar, Lane};

/// Calls of one function are merged if the gap between them is at most this long, in microseconds.
const APART: u64 = 500;
/// Merged calls are at most this long, in microseconds.
const TOGETHER: u64 = 5000;

/// A call may be merged with one of this many latest calls: functions may be called by turns.
const BACK: usize = 8;

/// The most calls of a thread that are kept as they were.
const MOST: usize = 8192;
/// The most bars of older calls, which get longer as the run does.
const MOST_OLD: usize = 2048;

/// The calls of all threads.
pub(crate) struct Calls {
    /// Tells this monitor's threads from those of others.
    id: u64,
    begun: Instant,
    threads: Mutex<Vec<Arc<Thread>>>,
}

struct Thread {
    id: ThreadId,
    name: String,
    kept: Mutex<ThreadCalls>,
}

#[derive(Default)]
struct ThreadCalls {
    calls: VecDeque<Bar>,
    /// How many calls have become old.
    gone: u64,
    /// How many of the latest ones [`Bookmark`] has not passed. Only these may still grow.
    unread: usize,
    old: OldCalls,
}

/// The position of a reader that reads each call once.
#[cfg(feature = "otlp")]
#[derive(Default)]
pub(crate) struct Bookmark {
    /// The number of calls read, for each thread.
    read: Vec<u64>,
    /// How many bars were not read, because they had become old or were too many.
    pub(crate) missed: u64,
}

/// Older calls, merged into longer bars.
struct OldCalls {
    bars: Vec<Bar>,
    grain: u64,
}

impl Default for OldCalls {
    fn default() -> Self {
        Self { bars: Vec::new(), grain: TOGETHER }
    }
}

impl OldCalls {
    fn push(&mut self, call: &Bar) {
        gather(&mut self.bars, call, self.grain);
        // With more functions than bars, each has one long bar.
        while self.bars.len() > MOST_OLD && self.grain < LONGEST {
            self.grain *= 2;
            for bar in std::mem::take(&mut self.bars) {
                gather(&mut self.bars, &bar, self.grain);
            }
        }
    }
}

thread_local! {
    /// This thread's calls, and the number of the monitor that they belong to.
    static OWN: RefCell<Option<(u64, Arc<Thread>)>> = const { RefCell::new(None) };
}

/// The number of the next monitor.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl Calls {
    pub(crate) fn new(begun: Instant) -> Self {
        Self { id: NEXT.fetch_add(1, Relaxed), begun, threads: Mutex::default() }
    }

    /// Adds a call that has ended on this thread.
    pub(crate) fn push(&self, function: usize, records: usize, time: Duration, failed: bool) {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let to = micros(self.begun.elapsed());
        let from = to.saturating_sub(micros(time));
        let bar = Bar { function, from, to, busy: to - from, records: records as u64, calls: 1, failed };
        OWN.with_borrow_mut(|own| {
            let own = match own {
                Some((whose, thread)) if *whose == self.id => thread,
                own => &own.insert((self.id, self.thread())).1,
            };
            let ThreadCalls { calls, gone, unread, old } = &mut *lock(&own.kept);
            let mut last = calls.iter_mut().rev().take(BACK.min(*unread));
            if let Some(last) = last.find(|last| joins(last, &bar)) {
                return last.add(&bar);
            }
            if calls.len() == MOST {
                calls.pop_front().iter().for_each(|call| old.push(call));
                *gone += 1;
            }
            calls.push_back(bar);
            *unread += 1;
        });
    }

    /// This thread's calls, which may exist already.
    fn thread(&self) -> Arc<Thread> {
        let mut threads = lock(&self.threads);
        let current = std::thread::current();
        let name = current.name().unwrap_or("thread").trim_start_matches("engine-");
        if let Some(thread) = threads.iter().find(|thread| thread.id == current.id()) {
            return thread.clone();
        }
        let same = threads.iter().filter(|thread| thread.name.starts_with(name)).count();
        let name = if name == "main" { name.to_owned() } else { format!("{name} {}", same + 1) };
        let thread = Arc::new(Thread { id: current.id(), name, kept: Mutex::default() });
        threads.push(thread.clone());
        thread
    }

    /// The calls of the `last` milliseconds before `now`, which is in microseconds. Calls of one function that began
    /// in the same `grain` milliseconds are one bar.
    pub(crate) fn lanes(&self, now: u64, last: u64, grain: u64) -> Vec<Lane> {
        let (since, grain) = (now.saturating_sub(last * 1000), grain * 1000);
        let lane = |thread: &Arc<Thread>| {
            let mut bars = Vec::new();
            let ThreadCalls { calls, old, .. } = &*lock(&thread.kept);
            let all = old.bars.iter().chain(calls);
            all.filter(|call| call.to >= since && call.from < now.max(1))
                .for_each(|call| gather(&mut bars, call, grain));
            Lane { name: thread.name.as_str().into(), bars }
        };
        let mut lanes: Vec<_> = lock(&self.threads).iter().map(lane).collect();
        lanes.sort_by(|one, other| (one.name.len(), &one.name).cmp(&(other.name.len(), &other.name)));
        lanes
    }

    /// The calls after a bookmark, which moves to their end. They are merged into longer bars if there are more than
    /// `most`.
    #[cfg(feature = "otlp")]
    pub(crate) fn news(&self, bookmark: &mut Bookmark, most: usize) -> Vec<Lane> {
        let threads = lock(&self.threads).clone();
        bookmark.read.resize(threads.len(), 0);
        let mut lanes = Vec::new();
        for (thread, done) in threads.iter().zip(&mut bookmark.read) {
            let ThreadCalls { calls, gone, unread, .. } = &mut *lock(&thread.kept);
            bookmark.missed += gone.saturating_sub(*done);
            let known = usize::try_from(done.saturating_sub(*gone)).unwrap_or(usize::MAX);
            *done = *gone + calls.len() as u64;
            *unread = 0;
            lanes.push(Lane {
                name: thread.name.as_str().into(),
                bars: calls.iter().skip(known).copied().collect(),
            });
        }
        let mut grain = TOGETHER;
        while count(&lanes) > most && grain < LONGEST {
            grain *= 2;
            for lane in &mut lanes {
                let bars = std::mem::take(&mut lane.bars);
                bars.iter().for_each(|bar| gather(&mut lane.bars, bar, grain));
            }
        }
        let mut room = most;
        for lane in &mut lanes {
            bookmark.missed += lane.bars.len().saturating_sub(room) as u64;
            lane.bars.truncate(room);
            room -= lane.bars.len();
        }
        lanes
    }
}

/// The longest time that calls are merged over, in microseconds: some hours.
const LONGEST: u64 = 1 << 34;

#[cfg(feature = "otlp")]
fn count(lanes: &[Lane]) -> usize {
    lanes.iter().map(|lane| lane.bars.len()).sum()
}

impl Bar {
    /// Whether a call is of the same function and ended the same way.
    fn is_like(&self, call: &Self) -> bool {
        self.function == call.function && self.failed == call.failed
    }

    /// Merges a later call into it.
    fn add(&mut self, call: &Self) {
        self.from = self.from.min(call.from);
        self.to = self.to.max(call.to);
        self.busy += call.busy;
        self.records += call.records;
        self.calls += call.calls;
    }
}

/// Whether a call is merged with those right before it.
fn joins(bar: &Bar, call: &Bar) -> bool {
    bar.is_like(call) && call.from <= bar.to + APART && call.to <= bar.from + TOGETHER
}

/// Merges a call into the bar of its function that began in the same `grain` microseconds, or appends it.
fn gather(bars: &mut Vec<Bar>, call: &Bar, grain: u64) {
    let slot = call.from / grain;
    let mut latest = bars.iter_mut().rev().take_while(|bar| bar.from / grain == slot);
    match latest.find(|bar| bar.is_like(call)) {
        Some(bar) => bar.add(call),
        None => bars.push(*call),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(function: usize, from: u64, to: u64) -> Bar {
        Bar { function, from, to, busy: to - from, records: 1, calls: 1, failed: false }
    }

    #[test]
    fn short_calls_of_one_function_are_merged() {
        assert!(joins(&bar(0, 0, 10), &bar(0, 15, 20)));
        assert!(!joins(&bar(0, 0, 10), &bar(1, 15, 20)));
        assert!(!joins(&bar(0, 0, 10), &bar(0, 2000, 2010)));
        assert!(!joins(&bar(0, 0, 4990), &bar(0, 4995, 5010)));
        assert!(!joins(&bar(0, 0, 10), &Bar { failed: true, ..bar(0, 15, 20) }));
    }

    #[test]
    fn calls_of_several_functions_share_a_time_slot() {
        let mut bars = Vec::new();
        for call in [bar(0, 0, 10), bar(1, 10, 20), bar(0, 20, 30), bar(1, 30, 40), bar(0, 1000, 1010)] {
            gather(&mut bars, &call, 1000);
        }
        let told: Vec<_> = bars.iter().map(|bar| (bar.function, bar.from, bar.to, bar.busy)).collect();
        assert_eq!(told, [(0, 0, 30, 20), (1, 10, 40, 20), (0, 1000, 1010, 10)]);
    }

    #[test]
    fn a_thread_keeps_a_bounded_number_of_calls() {
        let calls = Calls::new(Instant::now());
        for call in 0..3 * MOST {
            calls.push(call % 2, 1, Duration::ZERO, false);
        }
        let lanes = calls.lanes(3_600_000_000, 3_600_000, 1);
        assert_eq!(lanes.len(), 1);
        assert_eq!(lanes[0].bars.iter().map(|bar| bar.calls).sum::<u64>(), 3 * MOST as u64);
        let threads = lock(&calls.threads);
        let kept = lock(&threads[0].kept);
        assert!(kept.calls.len() <= MOST && kept.old.bars.len() <= MOST_OLD);
    }

    #[test]
    fn an_hour_of_calls_takes_bounded_memory_and_loses_none() {
        let mut old = OldCalls::default();
        // Two functions by turns, a call each millisecond.
        let all = 3_600_000;
        for call in 0..all {
            old.push(&bar(usize::from(call % 2 == 0), 1000 * call, 1000 * call + 400));
        }
        assert!(old.bars.len() <= MOST_OLD && old.bars.len() > MOST_OLD / 4, "{}", old.bars.len());
        assert_eq!(old.bars.iter().map(|bar| bar.calls).sum::<u64>(), all);
        assert_eq!(old.bars.iter().map(|bar| bar.busy).sum::<u64>(), 400 * all);
        assert!(old.bars.windows(2).all(|pair| pair[0].from <= pair[1].from));
    }

    #[cfg(feature = "otlp")]
    #[test]
    fn a_reader_of_new_calls_gets_all_of_them_in_few_bars() {
        let calls = Calls::new(Instant::now());
        let mut bookmark = Bookmark::default();
        let mut told = Vec::new();
        let mut read = |calls: &Calls| {
            let lanes = calls.news(&mut bookmark, 100);
            assert!(lanes.iter().all(|lane| lane.bars.len() <= 100));
            told.extend(lanes.into_iter().flat_map(|lane| lane.bars));
            bookmark.missed
        };
        for call in 0..3000 {
            calls.push(call % 2, 1, Duration::ZERO, false);
            // A bar that was read does not grow any more.
            if call % 1000 == 0 {
                read(&calls);
            }
        }
        assert_eq!((read(&calls), read(&calls)), (0, 0));
        // Too many functions by turns for calls to be merged.
        for call in 0..MOST + 5 {
            calls.push(call % (2 * BACK), 1, Duration::ZERO, false);
        }
        assert_eq!(read(&calls), 5);
        assert_eq!(told.iter().map(|bar| bar.calls).sum::<u64>(), 3000 + MOST as u64);
    }
}
