//! The policy for faults: what a fault means for the run.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::DeadLetters;
use crate::Error;
use crate::fault::Fault;
use crate::text::{self, PlainText};

/// The wait before the first retry; each later one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What is to be done about a fault. The context of the graph carries it out (`progress/context.rs`).
pub(crate) enum Decision<'a> {
    /// End the run.
    Stop,
    /// Leave the record out.
    Skip {
        /// The policy's limit of faults, if this one exceeds it: then end the run.
        exceeded: Option<u64>,
    },
    /// Leave the record out, and give it to this closure as a dead letter.
    Divert {
        /// The closure. Its error ends the run.
        put_aside: &'a Divert,
        /// The policy's limit of faults, if this one exceeds it: then end the run.
        exceeded: Option<u64>,
    },
}

/// Takes dead letters.
type Divert = dyn Fn(DeadLetter) -> Result<(), Error> + Send + Sync;

/// Writes out the dead letters that were taken.
type Flush = dyn Fn() -> Result<(), Error> + Send + Sync;

/// Decides what a fault means for the run: it ends, or goes on without the record.
///
/// ```
/// use engine::FaultPolicy;
///
/// let policy = FaultPolicy::divert(|letter| {
///     eprintln!("{}", letter.fault);
///     Ok(())
/// });
/// let policy = policy.retries(3).max_faults(1000);
/// # let _ = policy;
/// ```
///
/// Give it to a function by [`Function::on_fault`](crate::Function::on_fault). Clones count their faults together.
#[derive(Clone)]
pub struct FaultPolicy {
    action: Action,
    retries: u32,
    most: u64,
    faults: Arc<AtomicU64>,
    /// An earlier run handled the faults of records up to this one.
    done: u64,
    first: Arc<OnceLock<Fault>>,
    /// Called after dead letters were put aside, before anything after their records goes on.
    flush: Option<Arc<Flush>>,
    /// The file that has the dead letters.
    file: Option<PlainText>,
    /// The node that it is for.
    node: Option<PlainText>,
}

#[derive(Clone)]
enum Action {
    Stop,
    Skip,
    Divert(Arc<Divert>),
}

/// A record for which a function failed, with the fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// What happened.
    pub fault: Fault,
    /// The record. If the functions before the one that failed divert records too, it is the record as the first of
    /// them got it, so that it can run again from there. Otherwise it is what the function got.
    pub record: Arc<[u8]>,
    /// How often the function tried the record: once, and once for each retry.
    pub attempts: u32,
}

impl FaultPolicy {
    /// The first fault ends the run, after the records before it have reached the sink. This is the default.
    #[must_use]
    pub fn stop() -> Self {
        Self::new(Action::Stop)
    }

    /// The run goes on without the record.
    #[must_use]
    pub fn skip() -> Self {
        Self::new(Action::Skip)
    }

    /// The run goes on, and `put_aside` gets the record. It is called in the order of the records, after the outputs
    /// of earlier records, unless the gather is unordered. An error that it returns ends the run.
    #[must_use]
    pub fn divert(put_aside: impl Fn(DeadLetter) -> Result<(), Error> + Send + Sync + 'static) -> Self {
        Self::new(Action::Divert(Arc::new(put_aside)))
    }

    /// The run goes on, and the record is put aside in a file. A letter is in the file before anything that comes
    /// after its record goes on: if the run is killed, the file has the letters of all records before a result
    /// that is out.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use engine::policy::DeadLetters;
    /// use engine::{FaultPolicy, Source};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("dead.ndjson");
    /// let policy = FaultPolicy::divert_to(&DeadLetters::create(&path)?);
    /// let source = Source::new();
    /// source.stream().try_map(|line: String| line.parse::<i64>(), &policy).sink(|_: i64| {});
    /// source.emit("seven".to_owned()).await?;
    /// assert!(std::fs::read_to_string(path)?.ends_with("\"attempts\":1,\"record\":\"seven\"}\n"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn divert_to(letters: &DeadLetters) -> Self {
        let (file, flushed) = (letters.clone(), letters.clone());
        Self::divert(move |letter| file.put(&letter, None))
            .flushed_by(move || flushed.flush())
            .kept_in(letters.path())
    }

    fn new(action: Action) -> Self {
        Self {
            action,
            retries: 0,
            most: u64::MAX,
            faults: Arc::default(),
            done: 0,
            first: Arc::default(),
            flush: None,
            file: None,
            node: None,
        }
    }

    /// Sets what writes out the records that were put aside, if `put_aside` only keeps them. It is called after one
    /// or several of them, before anything that comes after these records goes on. An error that it returns ends
    /// the run.
    #[must_use]
    pub fn flushed_by(mut self, flush: impl Fn() -> Result<(), Error> + Send + Sync + 'static) -> Self {
        self.flush = Some(Arc::new(flush));
        self
    }

    /// Says which file `put_aside` writes to, for those who watch the run.
    #[must_use]
    pub fn kept_in(mut self, file: &Path) -> Self {
        self.file = Some(text::path(file));
        self
    }

    /// The same policy, counting its faults together with this one, for a node of this name: faults tell it.
    #[must_use]
    pub fn for_node(mut self, name: &str) -> Self {
        self.node = Some(name.into());
        self
    }

    /// Sets how often a record is tried again if its function says that a retry may succeed: after 100 ms,
    /// then after twice the last wait each time, up to 10 s. The default is 0.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets how many faults a run may have: one more ends it. There is no limit by default.
    #[must_use]
    pub fn max_faults(mut self, most: u64) -> Self {
        self.most = most;
        self
    }

    /// Counts faults of an earlier run, which this run continues.
    #[must_use]
    pub fn after_faults(self, faults: u64) -> Self {
        self.faults.store(faults, Relaxed);
        self
    }

    /// Ignores faults of records up to this one: an earlier run, which this run continues and has to repeat in part,
    /// handled them.
    #[must_use]
    pub fn after_record(mut self, record: u64) -> Self {
        self.done = record;
        self
    }

    /// The first fault that did not end the run, for all clones together.
    #[must_use]
    pub fn first_fault(&self) -> Option<&Fault> {
        self.first.get()
    }

    /// How many faults there were.
    pub(crate) fn faults(&self) -> u64 {
        self.faults.load(Relaxed)
    }

    /// Whether records are left out without being kept.
    pub(crate) fn skips(&self) -> bool {
        matches!(self.action, Action::Skip)
    }

    /// Whether the first fault ends the run.
    pub(crate) fn stops(&self) -> bool {
        matches!(self.action, Action::Stop)
    }

    /// Whether a fault of a record ends the run.
    pub(crate) fn stops_at(&self, record: u64) -> bool {
        self.stops() && record > self.done
    }

    /// The record after which the first fault ends the run, if one does.
    #[cfg(feature = "cluster")]
    pub(crate) fn stops_behind(&self) -> Option<u64> {
        self.stops().then_some(self.done)
    }

    /// Whether what it does about a fault can be told apart before and after the results around it: then faults are
    /// handled in their place among these.
    pub(crate) fn needs_order(&self) -> bool {
        self.keeps_records() || self.most < u64::MAX
    }

    /// Writes out the dead letters that were put aside.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        self.flush.as_ref().map_or(Ok(()), |flush| flush())
    }

    /// The file that has the dead letters, if that is known.
    pub(crate) fn file(&self) -> Option<&PlainText> {
        self.file.as_ref()
    }

    /// The node that it is for, if it has a name that differs from the function's.
    pub(crate) fn node(&self, function: &str) -> Option<PlainText> {
        self.node.clone().filter(|node| node.as_str() != function)
    }

    /// How often a record is tried again.
    #[cfg(feature = "cluster")]
    pub(crate) fn most_retries(&self) -> u32 {
        self.retries
    }

    /// Whether it needs the bytes of records.
    pub(crate) fn keeps_records(&self) -> bool {
        matches!(self.action, Action::Divert(_))
    }

    /// How long to wait before a record that was tried `attempts` times is tried again, if it is to be.
    pub(crate) fn retry_after(&self, attempts: u32) -> Option<Duration> {
        let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)));
        (attempts <= self.retries).then(|| doubled.min(LONGEST_WAIT))
    }

    /// Counts a fault, and decides what is to be done about it; none if an earlier run dealt with it.
    pub(crate) fn decide(&self, fault: &Fault) -> Option<Decision<'_>> {
        if fault.record <= self.done {
            return None;
        }
        if self.stops() {
            return Some(Decision::Stop);
        }
        if self.first.get().is_none() {
            // Another thread may have been faster.
            let _ = self.first.set(fault.clone());
        }
        let exceeded = (self.faults.fetch_add(1, Relaxed) >= self.most).then_some(self.most);
        Some(match &self.action {
            Action::Stop => Decision::Stop,
            Action::Skip => Decision::Skip { exceeded },
            Action::Divert(put_aside) => Decision::Divert { put_aside: &**put_aside, exceeded },
        })
    }
}

impl Default for FaultPolicy {
    fn default() -> Self {
        Self::stop()
    }
}

impl fmt::Debug for FaultPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.action {
            Action::Stop => "FaultPolicy::stop",
            Action::Skip => "FaultPolicy::skip",
            Action::Divert(_) => "FaultPolicy::divert",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_delays_double_up_to_a_bound() {
        let policy = FaultPolicy::skip().retries(10);
        let waits: Vec<_> =
            (1..=11).map(|attempts| policy.retry_after(attempts).map(|wait| wait.as_millis())).collect();
        let expected = [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000].map(Some);
        assert_eq!(waits, expected.into_iter().chain([None]).collect::<Vec<_>>());
    }
}
