//! What the nodes of a graph share with its source: counts, progress, failures.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use tokio::sync::SetOnce;

use super::frontier::Frontier;
use super::wait_graph::{Inside, WaitGraph};
use super::{BoxFuture, Done, Holdings, Position, ResumePoint, Snapshots};
use crate::metrics::Counts;
use crate::monitor::{SourceFigures, Watch};
use crate::policy::{DeadLetter, Decision, InputPosition, Unit};
use crate::text::PlainText;
use crate::{Error, Fault, FaultPolicy};

/// An input of a source, from its first record on.
#[derive(Debug)]
struct SourceInput {
    first: u64,
    /// None if it is not known where its records stand.
    name: Option<(Arc<str>, Unit)>,
}

/// What the nodes of a graph tell its source.
#[derive(Debug, Default)]
pub(crate) struct GraphContext {
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
    frontier: Frontier,
    flushes: Flushes,
    /// Set with the first listener.
    fault_listeners: OnceLock<FaultListeners>,
    /// The states of functions that accumulate.
    pub(crate) snapshots: Snapshots,
    /// What its nodes keep, for checkpoints.
    pub(crate) holdings: Holdings,
    /// Where the source stands in its input, for checkpoints.
    pub(crate) resume_point: ResumePoint,
    /// Where the source's inputs began.
    inputs: Mutex<Vec<SourceInput>>,
    /// Watches the run, if it is monitored.
    pub(crate) watch: OnceLock<Arc<Watch>>,
    /// Which tasks act, and which wait for others.
    pub(crate) waits: Arc<WaitGraph>,
    /// One more than the handles of programs that only ask about the graph.
    pub(super) handles: Arc<()>,
}

/// Passes on what a sink holds back only to be faster.
type Flush = dyn Fn() -> BoxFuture<'static, Result<(), Error>> + Send + Sync;

/// What is done at a flush, for each sink that holds something back.
#[derive(Default)]
struct Flushes(RwLock<Vec<Arc<Flush>>>);

/// What is called with each fault.
#[derive(Default)]
struct FaultListeners(RwLock<Vec<Box<FaultListener>>>);

type FaultListener = dyn Fn(&Fault) + Send + Sync;

impl std::fmt::Debug for FaultListeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FaultListeners")
    }
}

impl std::fmt::Debug for Flushes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Flushes")
    }
}

impl SourceFigures for GraphContext {
    fn counts(&self) -> Counts {
        Counts {
            emitted: self.emitted.load(Relaxed),
            unfinished: self.unfinished.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            faults: self.faults.load(Relaxed),
        }
    }

    fn input(&self) -> (u64, Option<u64>) {
        let all = self.input_bytes.load(Relaxed);
        (self.read_bytes.load(Relaxed), (all > 0).then_some(all))
    }
}

impl GraphContext {
    /// Whether anything of the graph is left besides handles of programs that ask about it.
    pub(crate) fn is_used(context: &std::sync::Weak<Self>) -> bool {
        // This function's own `Arc` stands against the one in `handles` that is no program's.
        context
            .upgrade()
            .is_some_and(|context| Arc::strong_count(&context) > Arc::strong_count(&context.handles))
    }

    /// Reports a fault, whatever becomes of the run, with its record's bytes if they are at hand, and the file that
    /// it is put aside in.
    pub(crate) fn report_fault(&self, fault: &Fault, bytes: Option<&[u8]>, file: Option<&PlainText>) {
        if let Some(watch) = self.watch.get() {
            watch.faults.push(watch.now(), fault, bytes, file);
        }
        self.faults.fetch_add(1, Relaxed);
        if let Some(listeners) = self.fault_listeners.get()
            && !self.frontier.is_mixed()
        {
            let listeners = listeners.0.read().unwrap_or_else(PoisonError::into_inner);
            listeners.iter().for_each(|told| told(fault));
        }
        self.frontier.fault(fault.record);
    }

    /// Adds a listener that is called with each fault, before its record leaves the graph. It is never called if
    /// elements of another source join these, since then numbers say nothing.
    pub(crate) fn on_fault(&self, told: impl Fn(&Fault) + Send + Sync + 'static) {
        let listeners = self.fault_listeners.get_or_init(FaultListeners::default);
        listeners.0.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(told));
    }

    /// Reports a fault, and carries out what the policy decides. `record` is called only if the record's bytes are
    /// wanted. When this returns, a dead letter is in its file.
    ///
    /// # Errors
    ///
    /// What ends the run.
    pub(crate) fn handle_fault(
        &self,
        policy: &FaultPolicy,
        fault: Fault,
        record: impl FnOnce() -> Arc<[u8]>,
        attempts: u32,
    ) -> Result<(), Error> {
        let handled = self.handle_next_fault(policy, fault, record, attempts);
        policy.flush().and(handled)
    }

    /// The same for one of several faults with nothing between them: after the last, the caller flushes the policy.
    pub(crate) fn handle_next_fault(
        &self,
        policy: &FaultPolicy,
        mut fault: Fault,
        record: impl FnOnce() -> Arc<[u8]>,
        attempts: u32,
    ) -> Result<(), Error> {
        fault.node = policy.node(&fault.function).or(fault.node);
        let Some(decision) = policy.decide(&fault) else { return Ok(()) };
        let wanted = matches!(decision, Decision::Divert { .. }) || self.watch.get().is_some();
        let bytes = wanted.then(record);
        self.report_fault(&fault, bytes.as_deref(), policy.file());
        match decision {
            Decision::Stop => Err(Error::Fault(fault)),
            Decision::Skip { exceeded: None } => Ok(()),
            Decision::Skip { exceeded: Some(limit) } => Err(Error::TooManyFaults { limit, fault }),
            Decision::Divert { put_aside, exceeded } => {
                let last = exceeded.map(|limit| Error::TooManyFaults { limit, fault: fault.clone() });
                put_aside(DeadLetter { fault, record: bytes.unwrap_or_default(), attempts })?;
                last.map_or(Ok(()), Err)
            }
        }
    }

    /// Notes that a part of the graph failed, so that the source knows before its next element.
    pub(crate) fn fail(&self, error: Error) {
        // The first failure is the one that counts.
        let _ = self.failure.set(error);
    }

    /// Waits until a part of the graph fails.
    pub(crate) async fn failure(&self) -> Error {
        self.failure.wait().await.clone()
    }

    /// The failure, if a part of the graph has failed.
    pub(crate) fn failed(&self) -> Option<Error> {
        self.failure.get().cloned()
    }

    pub(crate) fn emit(&self, records: usize) {
        self.emitted.fetch_add(records as u64, Relaxed);
    }

    /// Notes that all nodes after the source have accepted what was emitted.
    pub(crate) fn accepted(&self) {
        if self.frontier.matters() {
            self.frontier.accept(self.last());
        }
    }

    /// How many records that have left the graph were faults. Counted only if there is a listener.
    pub(crate) fn faults_done(&self) -> u64 {
        self.frontier.faults_done()
    }

    /// Numbers the source's elements from `number + 1`.
    pub(crate) fn begin_after(&self, number: u64) {
        self.before.store(number, Relaxed);
        self.frontier.begin_after(number);
    }

    /// The next records are of another input.
    pub(crate) fn begin_input(&self, name: Option<(Arc<str>, Unit)>) {
        self.begin_input_at(name, self.last() + 1 - self.resume_point.left());
    }

    /// The records from `first` on are of another input.
    pub(crate) fn begin_input_at(&self, name: Option<(Arc<str>, Unit)>, first: u64) {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).push(SourceInput { first, name });
    }

    /// Where a record stands in its input.
    pub(crate) fn position(&self, record: u64) -> Option<InputPosition> {
        let inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        let SourceInput { first, name } = inputs.iter().rev().find(|input| input.first <= record)?;
        let (input, unit) = name.clone()?;
        Some(InputPosition::new(input, unit, record + 1 - first))
    }

    /// Notes where the source's next record stands in its input, if a checkpoint asks for it.
    pub(crate) fn mark(&self, position: impl FnOnce() -> Option<Position>) {
        self.resume_point.note(self.last(), position);
    }

    /// The number of the last element that was emitted.
    pub(crate) fn last(&self) -> u64 {
        self.before.load(Relaxed) + self.emitted.load(Relaxed)
    }

    /// The number of the element before the first one.
    pub(crate) fn before(&self) -> u64 {
        self.before.load(Relaxed)
    }

    /// The first element that has not left the graph, as far as is known: if nodes other than segments keep
    /// elements, only a listener makes it known.
    pub(crate) fn first_unfinished(&self) -> Option<u64> {
        if self.frontier.is_mixed() {
            return None;
        }
        if self.frontier.matters() {
            return Some(self.frontier.told() + 1);
        }
        let (inside, works) = self.waits.inside();
        let known = works == self.frontier.holders() && !inside.contains(&Inside::Unknown);
        let first = |inside: &Inside| if let Inside::From(number) = inside { *number } else { u64::MAX };
        known.then(|| inside.iter().map(first).fold(self.last() + 1, u64::min))
    }

    /// Adds a listener, which is called when more elements have left the graph.
    pub(crate) fn tell(&self, told: impl Fn(Done<'_>) + Send + Sync + 'static) {
        self.frontier.tell(told);
    }

    /// Notes that elements of another source join these, so numbers no longer tell how far elements are.
    pub(crate) fn mix(&self) {
        self.frontier.mix();
    }

    pub(crate) fn are_mixed(&self) -> bool {
        self.frontier.is_mixed()
    }

    /// Adds a holder: a node that keeps elements and passes them on later, several together if it `groups` them.
    /// Returns the holder's index.
    pub(crate) fn track(&self, groups: bool) -> usize {
        self.frontier.track(groups)
    }

    /// A holder got elements. The first may be another piece of an element that has left it.
    pub(crate) fn take(&self, holder: usize, first: u64, last: u64) {
        self.frontier.take(holder, first, last);
    }

    /// The same for a holder that counts the pieces.
    pub(crate) fn enter(&self, holder: usize, first: u64, last: u64, pieces: usize) {
        self.frontier.enter(holder, first, last, pieces);
    }

    /// The highest number that a holder got. Known only if there is a listener.
    pub(crate) fn taken(&self, holder: usize) -> u64 {
        self.frontier.taken(holder)
    }

    /// All elements up to `number` have left a holder.
    pub(crate) fn reach(&self, holder: usize, number: u64) {
        self.frontier.reach(holder, number);
    }

    /// Pieces have left a holder that counts them, in order; the last one has this number.
    pub(crate) fn leave(&self, holder: usize, number: u64, pieces: usize) {
        self.frontier.leave(holder, number, pieces);
    }

    /// Adds what a flush has to do: pass on what a sink holds back only to be faster.
    pub(crate) fn on_flush(
        &self,
        flush: impl Fn() -> BoxFuture<'static, Result<(), Error>> + Send + Sync + 'static,
    ) {
        self.flushes.0.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(flush));
    }

    /// Makes sinks pass on what they hold back only to be faster.
    pub(crate) async fn flush(&self) -> Result<(), Error> {
        let flushes = self.flushes.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        for flush in flushes {
            flush().await?;
        }
        Ok(())
    }

    /// Counts records that are unfinished from now on.
    pub(crate) fn add_unfinished(&self, records: usize) {
        self.unfinished.fetch_add(records as u64, Relaxed);
    }

    /// Counts records that are finished.
    pub(crate) fn remove_unfinished(&self, records: usize) {
        self.unfinished.fetch_sub(records as u64, Relaxed);
    }

    /// Counts records that a sink took; the last one has this number.
    pub(crate) fn deliver(&self, records: usize, last: u64) {
        self.delivered.fetch_add(records as u64, Relaxed);
        self.last_delivered.store(last, Relaxed);
    }

    /// Some of the records that a sink took were not written.
    pub(crate) fn undeliver(&self, records: usize) {
        self.delivered.fetch_sub(records as u64, Relaxed);
    }

    /// The number of the last record that a sink took, or took a part of.
    pub(crate) fn last_delivered(&self) -> u64 {
        self.last_delivered.load(Relaxed)
    }

    /// Adds to the bytes of input that are known to be there.
    pub(crate) fn expect_bytes(&self, bytes: u64) {
        self.input_bytes.fetch_add(bytes, Relaxed);
    }

    /// Counts bytes of input that were read.
    pub(crate) fn read_bytes(&self, bytes: u64) {
        self.read_bytes.fetch_add(bytes, Relaxed);
    }
}
