//! What a source's graph has done so far.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::SetOnce;

use super::Snapshots;
use super::deadlock::Actors;
use crate::metrics::Watch;
use crate::{Error, Fault, Place, Unit};

/// How many records went where, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl Counts {
    /// These and others together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            emitted: self.emitted + other.emitted,
            unfinished: self.unfinished + other.unfinished,
            delivered: self.delivered + other.delivered,
            faults: self.faults + other.faults,
        }
    }
}

/// An input of a source, from its first record on.
#[derive(Debug)]
struct Input {
    first: u64,
    /// None if it is not known where its records stand.
    name: Option<(Arc<str>, Unit)>,
}

/// So many records are told apart that failed, and have not left the graph.
const MOST_AHEAD: usize = 1 << 18;

/// What the nodes of a graph tell its source.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    emitted: AtomicU64,
    unfinished: AtomicU64,
    delivered: AtomicU64,
    /// The number of the last record that a sink took.
    last_delivered: AtomicU64,
    faults: AtomicU64,
    read_bytes: AtomicU64,
    input_bytes: AtomicU64,
    failure: SetOnce<Error>,
    /// The number of the record before the first one.
    before: AtomicU64,
    leaving: Leaving,
    /// The states of functions that accumulate.
    pub(crate) snapshots: Snapshots,
    /// Where the source's inputs began.
    inputs: Mutex<Vec<Input>>,
    /// Who watches.
    pub(crate) watch: OnceLock<Arc<Watch>>,
    /// Who acts, and who waits for another one.
    pub(crate) actors: Arc<Actors>,
}

/// More elements have left a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done<'a> {
    /// All up to this number have reached their sinks, were dropped, or are faults that were settled.
    pub last: u64,
    /// The numbers of those since the last time that became a fault, or a part of them. Of more than 262,144 that
    /// wait for others, only the later ones are told.
    pub faults: &'a [u64],
}

type Tell = dyn Fn(Done<'_>) + Send + Sync;

/// How far all elements have left the graph, for who wants to know.
#[derive(Default)]
struct Leaving {
    /// By segment, the number up to which it is done.
    reached: Mutex<Vec<u64>>,
    faults: Mutex<Faults>,
    told: OnceLock<Box<Tell>>,
}

/// The faults of records that have left the graph, and of those that have not: behind one segment more may
/// have failed already than have come through another.
#[derive(Default)]
struct Faults {
    done: u64,
    /// How many of each record.
    ahead: BTreeMap<u64, u64>,
}

impl Faults {
    fn add(&mut self, record: u64) {
        *self.ahead.entry(record).or_default() += 1;
        if self.ahead.len() > MOST_AHEAD {
            self.done += self.ahead.pop_first().map_or(0, |(_, faults)| faults);
        }
    }
}

impl std::fmt::Debug for Leaving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leaving").field("reached", &self.reached).finish_non_exhaustive()
    }
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

    /// All nodes behind the source have accepted what was emitted: without a segment, all is done by now.
    pub(crate) fn accepted(&self) {
        if let Some(told) = self.leaving.told.get().filter(|_| self.reached().is_empty()) {
            let faults = self.settle_faults(self.last());
            told(Done { last: self.last(), faults: &faults });
        }
    }

    fn faults_of(&self) -> MutexGuard<'_, Faults> {
        self.leaving.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All up to `number` have left the graph. Returns which of them were faults, if that is known.
    fn settle_faults(&self, number: u64) -> Vec<u64> {
        let mut faults = self.faults_of();
        let ahead = faults.ahead.split_off(&(number + 1));
        let done = std::mem::replace(&mut faults.ahead, ahead);
        faults.done += done.values().sum::<u64>();
        done.into_keys().collect()
    }

    /// The faults of records that have left the graph, if somebody is told of these.
    pub(crate) fn faults_done(&self) -> u64 {
        self.faults_of().done
    }

    /// The source numbers its elements from the one behind `number`.
    pub(crate) fn begin_after(&self, number: u64) {
        self.before.store(number, Relaxed);
    }

    /// The next records are of another input.
    pub(crate) fn begin_input(&self, name: Option<(Arc<str>, Unit)>) {
        let first = self.last() + 1;
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).push(Input { first, name });
    }

    /// Where a record stood.
    pub(crate) fn place(&self, record: u64) -> Option<Place> {
        let inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        let Input { first, name } = inputs.iter().rev().find(|input| input.first <= record)?;
        let (input, unit) = name.clone()?;
        Some(Place { input, unit, number: record + 1 - first })
    }

    /// The number of the last element that was emitted.
    pub(crate) fn last(&self) -> u64 {
        self.before.load(Relaxed) + self.emitted.load(Relaxed)
    }

    fn reached(&self) -> MutexGuard<'_, Vec<u64>> {
        self.leaving.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is told how far all elements have left the graph. False if somebody is already.
    pub(crate) fn tell(&self, told: impl Fn(Done<'_>) + Send + Sync + 'static) -> bool {
        self.leaving.told.set(Box::new(told)).is_ok()
    }

    /// Another segment has its part in when elements are done. Returns its place.
    pub(crate) fn track(&self) -> usize {
        let mut reached = self.reached();
        reached.push(0);
        reached.len() - 1
    }

    /// A segment is given the element `number`, perhaps another piece of one that has left it.
    pub(crate) fn reopen(&self, segment: usize, number: u64) {
        if self.leaving.told.get().is_some() {
            let mut reached = self.reached();
            reached[segment] = reached[segment].min(number - 1);
        }
    }

    /// All elements up to `number` have left a segment.
    pub(crate) fn reach(&self, segment: usize, number: u64) {
        let Some(told) = self.leaving.told.get() else { return };
        let mut reached = self.reached();
        let before = reached.iter().min().copied();
        reached[segment] = reached[segment].max(number);
        let now = reached.iter().min().copied();
        drop(reached);
        if let Some(now) = now.filter(|now| Some(*now) > before) {
            let faults = self.settle_faults(now);
            told(Done { last: now, faults: &faults });
        }
    }

    pub(crate) fn begin(&self, records: usize) {
        self.unfinished.fetch_add(records as u64, Relaxed);
    }

    pub(crate) fn end(&self, records: usize) {
        self.unfinished.fetch_sub(records as u64, Relaxed);
    }

    /// A sink took so many records, the last of which has this number.
    pub(crate) fn deliver(&self, records: usize, last: u64) {
        self.delivered.fetch_add(records as u64, Relaxed);
        self.last_delivered.store(last, Relaxed);
    }

    /// The number of the last record that a sink took, or a part of it.
    pub(crate) fn last_delivered(&self) -> u64 {
        self.last_delivered.load(Relaxed)
    }

    /// A record became a fault; its bytes, if they are at hand.
    pub(crate) fn fault(&self, fault: &Fault, bytes: Option<&[u8]>) {
        let record = fault.record;
        if let Some(watch) = self.watch.get() {
            watch.faults.push(watch.now(), fault, bytes);
        }
        self.faults.fetch_add(1, Relaxed);
        if self.leaving.told.get().is_some() {
            self.faults_of().add(record);
        }
    }

    /// How many bytes of the input were read, and how many there are, if that is known.
    pub(crate) fn input(&self) -> (u64, Option<u64>) {
        let all = self.input_bytes.load(Relaxed);
        (self.read_bytes.load(Relaxed), (all > 0).then_some(all))
    }

    /// So many bytes of the input are known to be there.
    pub(crate) fn expect_bytes(&self, bytes: u64) {
        self.input_bytes.fetch_add(bytes, Relaxed);
    }

    /// So many bytes of the input were read.
    pub(crate) fn read_bytes(&self, bytes: u64) {
        self.read_bytes.fetch_add(bytes, Relaxed);
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
