//! The order in which the threads of a pool take up the work of segments.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::runner;
use super::shared::PoolShared;
use crate::executor::segment::Segment;
use crate::plugin::Waiting;

/// Which segments have work, and how many runners there are.
#[derive(Default)]
pub(super) struct Scheduler(Mutex<Schedule>);

#[derive(Default)]
pub(super) struct Schedule {
    /// Segments that have work, each once, in turn.
    ready: VecDeque<Arc<Segment>>,
    /// Runners whose guests do not wait.
    running: usize,
}

impl Scheduler {
    fn lock(&self) -> MutexGuard<'_, Schedule> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PoolShared {
    /// Whether a thread has nothing to do, since functions wait or there is no work.
    #[cfg(feature = "cluster")]
    pub(crate) fn has_idle_threads(&self) -> bool {
        self.scheduler.lock().running < self.threads
    }

    /// A segment has work: the next free thread takes it up.
    pub(crate) fn enlist(self: &Arc<Self>, segment: &Arc<Segment>) {
        let mut schedule = self.scheduler.lock();
        if segment.mark_listed() {
            schedule.ready.push_back(segment.clone());
        }
        self.kick(schedule);
    }

    /// Starts a runner if one is allowed and there is work. It starts the next one itself.
    fn kick(self: &Arc<Self>, mut schedule: MutexGuard<'_, Schedule>) {
        if schedule.running < self.threads && !schedule.ready.is_empty() {
            schedule.running += 1;
            drop(schedule);
            self.hosting.timers.spawn(runner::run(self.clone()));
        }
    }

    /// Whether the caller may run guests on its own thread: only while no thread of the pool does.
    pub(super) fn begin_alone(&self) -> bool {
        let mut schedule = self.scheduler.lock();
        let alone = schedule.running == 0;
        schedule.running += usize::from(alone);
        alone
    }

    /// A caller that ran guests beside the pool's threads ends.
    pub(super) fn leave(self: &Arc<Self>) {
        let mut schedule = self.scheduler.lock();
        schedule.running -= 1;
        self.kick(schedule);
    }

    /// Continues on a thread of the pool what was begun elsewhere.
    pub(super) fn go_on(&self, piece: impl Future<Output = ()> + Send + 'static) {
        self.hosting.timers.spawn(piece);
    }

    /// A runner ended without having been told to.
    pub(super) fn runner_is_gone(self: &Arc<Self>) {
        self.leave();
    }

    /// The next segment for a runner; none ends it.
    pub(super) fn next_segment(&self) -> Option<Arc<Segment>> {
        let mut schedule = self.scheduler.lock();
        let next = (schedule.running <= self.threads).then(|| schedule.ready.pop_front()).flatten();
        match &next {
            Some(segment) => segment.mark_unlisted(),
            None => schedule.running -= 1,
        }
        next
    }
}

/// A runner's guest waits: its thread is free for another.
pub(super) struct Runner<'a>(pub(super) &'a Arc<PoolShared>);

impl Waiting for Runner<'_> {
    fn waits(&self) {
        let mut schedule = self.0.scheduler.lock();
        schedule.running -= 1;
        self.0.kick(schedule);
    }

    fn resumes(&self) {
        self.0.scheduler.lock().running += 1;
    }
}
