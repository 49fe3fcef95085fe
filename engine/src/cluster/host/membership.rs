//! Which workers a run has, as far as they say so: how much may be out, what a person should know, and what each
//! of them used.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hashlink::LruCache;

use crate::cluster::presence::{PRESENCE_EXPIRY, WorkerPresence};
use crate::cluster::protocol::in_flight::MOST_TASKS;
use crate::cluster::settings::ClusterNotice;
use crate::function::UsageTotals;
use crate::metrics::WorkerStatus;
use crate::text::PlainText;

/// Tasks that may be in flight before the number of workers is known.
pub(super) const FEWEST_TASKS: usize = 16;

/// Tasks in flight for each one that a worker runs: while it runs some, others come and go.
const AHEAD: usize = 3;

/// The time of a task, for up to twice `THREADS` threads.
const FAST: Duration = Duration::from_millis(100);
const SLOW: Duration = Duration::from_millis(400);
const THREADS: usize = 32;

/// The time without a worker after which a notice says so.
const PATIENCE: Duration = Duration::from_secs(3);

/// Workers that are known at most, and gone ones whose use is remembered.
const MOST_WORKERS: usize = 4096;

/// The workers that live.
pub(super) struct Membership {
    run: String,
    workers: BTreeMap<PlainText, (WorkerPresence, Instant)>,
    /// When somebody worked last, or might have.
    served: Instant,
    /// What was said of it last.
    told: Option<ClusterNotice>,
    totals: LruCache<(String, u32), Vec<UsageTotals>>,
}

impl Membership {
    pub(super) fn new(run: &str) -> Self {
        Self {
            run: run.to_owned(),
            workers: BTreeMap::new(),
            served: Instant::now(),
            told: None,
            totals: LruCache::new(MOST_WORKERS),
        }
    }

    /// A worker says what it is at.
    pub(super) fn meet(&mut self, name: &str, presence: WorkerPresence) {
        // A worker's key may write any number of them.
        let name = PlainText::short(name);
        if self.workers.len() < MOST_WORKERS || self.workers.contains_key(&name) {
            self.workers.insert(name, (presence.shortened(&self.run), Instant::now()));
        }
    }

    /// A worker has left.
    pub(super) fn part(&mut self, name: &str) {
        self.workers.remove(&PlainText::short(name));
    }

    /// Forgets those that are silent.
    pub(super) fn look(&mut self) {
        self.workers.retain(|_, (_, seen)| seen.elapsed() < PRESENCE_EXPIRY);
    }

    /// How many tasks may be in flight.
    pub(super) fn most_tasks(&self) -> usize {
        let concurrency = self.workers.values().map(|(presence, _)| presence.concurrency);
        concurrency.fold(0, usize::saturating_add).saturating_mul(AHEAD).clamp(FEWEST_TASKS, MOST_TASKS)
    }

    /// A task is as large as what a worker does in a time between these. The more workers there are, the longer it
    /// is, so that what each task costs the broker does not grow with them.
    pub(super) fn task_time(&self) -> (Duration, Duration) {
        let threads = self.workers.values().map(|(presence, _)| presence.threads);
        let threads = threads.fold(0, usize::saturating_add);
        let many = u32::try_from(threads / THREADS).unwrap_or(u32::MAX).clamp(1, 3);
        (FAST * many, SLOW * many)
    }

    pub(super) fn statuses(&self) -> Vec<WorkerStatus> {
        let workers = self.workers.iter();
        workers.map(|(name, (presence, _))| presence.status(name, presence.refused.get(&*self.run))).collect()
    }

    /// What a person should know, if it is new: why nothing goes on although there is work.
    pub(super) fn notice(&mut self, has_work: bool) -> Option<ClusterNotice> {
        let serves =
            |presence: &WorkerPresence| !presence.leaving && !presence.refused.contains_key(&*self.run);
        if !has_work || self.workers.values().any(|(presence, _)| serves(presence)) {
            self.served = Instant::now();
            self.told = None;
            return None;
        }
        if self.served.elapsed() < PATIENCE {
            return None;
        }
        let refusals = self.workers.iter().filter_map(|(name, (presence, _))| {
            let reason = presence.refused.get(&*self.run)?;
            Some(format!("{name}: {reason}"))
        });
        let notice = match &*refusals.collect::<Vec<_>>() {
            [] => ClusterNotice::NoWorker,
            refusals @ [first, ..] => {
                let many = refusals.len();
                ClusterNotice::line(&format!("waiting for a worker: none of {many} serves this run: {first}"))
            }
        };
        let is_new = self.told.as_ref() != Some(&notice);
        self.told = Some(notice.clone());
        is_new.then_some(notice)
    }

    /// What a worker used for a segment's functions since it said so last.
    /// `stages` is how many functions there are.
    pub(super) fn used(
        &mut self,
        worker: &str,
        segment: u32,
        mut used: Vec<UsageTotals>,
        stages: usize,
    ) -> Vec<UsageTotals> {
        used.truncate(stages);
        let known = self.totals.entry((worker.to_owned(), segment)).or_insert_with(Vec::new);
        known.resize(used.len(), UsageTotals::default());
        let since: Vec<_> = used.iter().zip(&*known).map(|(now, before)| now.since(before)).collect();
        // Results may overtake one another.
        for (known, now) in known.iter_mut().zip(used) {
            if now.calls >= known.calls {
                *known = now;
            }
        }
        since
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::protocol::wire::PROTOCOL;

    fn totals(calls: u64) -> UsageTotals {
        UsageTotals { calls, records: calls * 10, longest: 7, ..UsageTotals::default() }
    }

    /// What a worker of this version says.
    fn presence() -> WorkerPresence {
        WorkerPresence { protocol: PROTOCOL, ..WorkerPresence::default() }
    }

    #[test]
    fn worker_usage_is_counted_once_in_any_message_order() {
        let mut membership = Membership::new("one");
        let calls = |membership: &mut Membership, worker: &str, now| {
            membership.used(worker, 0, vec![totals(now)], 1)[0].calls
        };
        assert_eq!(calls(&mut membership, "a", 3), 3);
        assert_eq!(calls(&mut membership, "b", 2), 2);
        assert_eq!(calls(&mut membership, "a", 9), 6);
        assert_eq!(calls(&mut membership, "a", 5), 0);
        assert_eq!(calls(&mut membership, "a", 10), 1);
    }

    #[test]
    fn many_workers_get_larger_tasks() {
        let mut membership = Membership::new("one");
        assert_eq!(membership.task_time(), (FAST, SLOW));
        let mut join = |worker: usize| {
            membership.meet(&worker.to_string(), WorkerPresence { threads: 8, ..presence() });
            membership.task_time().1
        };
        assert_eq!([join(0), join(1)], [SLOW; 2]);
        assert_eq!((2..8).map(&mut join).last(), Some(SLOW * 2));
        assert_eq!((8..200).map(&mut join).last(), Some(SLOW * 3));
    }

    #[test]
    fn no_notice_while_a_worker_may_serve() {
        let mut membership = Membership::new("one");
        assert_eq!(membership.notice(true), None);
        membership.served = Instant::now().checked_sub(PATIENCE).unwrap();
        assert_eq!(membership.notice(false), None);
        membership.served = Instant::now().checked_sub(PATIENCE).unwrap();
        assert_eq!(membership.notice(true), Some(ClusterNotice::NoWorker));
        assert_eq!(membership.notice(true), None);
        let mut refusing = presence();
        refusing.refused.insert("one".into(), "too much".into());
        membership.meet("a", refusing);
        assert!(
            membership.notice(true).unwrap().to_string().ends_with("none of 1 serves this run: a: too much")
        );
        membership.meet("b", presence());
        assert_eq!(membership.notice(true), None);
    }

    #[test]
    fn a_worker_of_another_version_is_named_as_such() {
        let mut membership = Membership::new("one");
        let presence = r#"{"protocol":1,"engine":"0.0.9","machine":{"name":"m","process":1},"slots":2}"#;
        membership.meet("a", serde_json::from_str(presence).unwrap());
        membership.served = Instant::now().checked_sub(PATIENCE).unwrap();
        let notice = membership.notice(true).unwrap().to_string();
        assert!(
            notice.contains("a: it speaks version 1 of the protocol (engine 0.0.9), and this is"),
            "{notice}"
        );
    }
}
