//! Threads on which guests' file operations block, and what becomes of those that never return.
//!
//! A file system may keep a call for ever (a server that is away, a FUSE that sleeps), and a thread in such a call
//! can't be ended. A call whose instance is gone counts as stuck. It keeps a turn of its function, so that it costs
//! that function alone.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// So many calls of one function may be in file systems at once, those that are stuck among them.
const TURNS: usize = 64;

/// So many threads a pool has at most.
const MOST: usize = 512;

/// A thread without work leaves after this long.
const REST: Duration = Duration::from_secs(10);

/// What the instances of one function share: its turns, and how many of them are lost.
pub(crate) struct Lane {
    turns: Arc<Semaphore>,
    stuck: AtomicUsize,
}

impl Default for Lane {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(TURNS)), stuck: 0.into() }
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lane")
    }
}

impl Lane {
    /// A turn of the function's, which ends when the guard is dropped.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.turns.clone().acquire_owned().await.ok()
    }

    /// How many calls are stuck, if there can be no more.
    pub(super) fn is_stuck(&self) -> Option<usize> {
        Some(self.stuck.load(Relaxed)).filter(|stuck| *stuck >= TURNS)
    }
}

/// The threads of one pool; none before the first call.
#[derive(Default)]
pub(crate) struct FileThreads(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    /// Threads that wait for work.
    idle: usize,
    threads: usize,
    /// Threads at work that nobody waits for any more.
    stuck: usize,
    closed: bool,
}

struct Job {
    run: Box<dyn FnOnce() + Send>,
    lane: Arc<Lane>,
    stage: Arc<AtomicU8>,
}

const RUNNING: u8 = 1;
const GIVEN_UP: u8 = 2;
const DONE: u8 = 3;

/// No thread can be had: all are stuck, or the system refuses more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoThread;

impl FileThreads {
    /// Runs what may block on a thread. If the result is dropped before it is there, nobody waits for it.
    pub(super) fn run<T: Send + 'static>(
        &self,
        lane: &Arc<Lane>,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Running<T>, NoThread> {
        let (sender, result) = oneshot::channel();
        let run = Box::new(move || drop(sender.send(job())));
        let stage = Arc::<AtomicU8>::default();
        self.0.submit(Job { run, lane: lane.clone(), stage: stage.clone() })?;
        Ok(Running { result, lane: lane.clone(), stage, shared: self.0.clone() })
    }

    /// Drops `what` on a thread, since to close a file may block.
    pub(super) fn drop<T: Send + 'static>(&self, lane: &Arc<Lane>, what: T) {
        let run = Box::new(move || drop(what));
        // Without a thread it is dropped here.
        let _ = self.0.submit(Job { run, lane: lane.clone(), stage: Arc::default() });
    }

    /// How many are at work that nobody waits for any more.
    pub(crate) fn stuck(&self) -> usize {
        self.0.lock().stuck
    }
}

impl Drop for FileThreads {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.work.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(self: &Arc<Self>, job: Job) -> Result<(), NoThread> {
        let mut state = self.lock();
        state.queue.push_back(job);
        if self.staff(&mut state) {
            drop(state);
            self.work.notify_one();
            return Ok(());
        }
        // What a job holds may come back here when it is dropped.
        let refused = state.queue.pop_back();
        drop(state);
        drop(refused);
        Err(NoThread)
    }

    /// Sees to it that somebody takes up what is in the queue; false if nobody will.
    fn staff(self: &Arc<Self>, state: &mut State) -> bool {
        if state.idle < state.queue.len() && state.threads < MOST {
            let shared = self.clone();
            let started = thread::Builder::new().name("engine-blocking".into()).spawn(move || shared.work());
            state.threads += usize::from(started.is_ok());
        }
        state.threads > state.stuck
    }

    /// Takes up jobs until there are none for a while.
    fn work(&self) {
        let mut state = self.lock();
        loop {
            let Some(job) = state.queue.pop_front() else {
                if state.closed {
                    break;
                }
                state.idle += 1;
                let waited = self.work.wait_timeout(state, REST);
                let (guard, rested) = waited.unwrap_or_else(PoisonError::into_inner);
                state = guard;
                state.idle -= 1;
                if rested.timed_out() && state.queue.is_empty() {
                    break;
                }
                continue;
            };
            let wanted = job.stage.load(Relaxed) != GIVEN_UP;
            job.stage.store(RUNNING, Relaxed);
            drop(state);
            if wanted {
                // What panics is told to its guest by the result that does not come.
                let _ = catch_unwind(AssertUnwindSafe(job.run));
            } else {
                drop(job.run);
            }
            state = self.lock();
            if wanted && job.stage.swap(DONE, Relaxed) == GIVEN_UP {
                state.stuck -= 1;
                job.lane.stuck.fetch_sub(1, Relaxed);
            }
        }
        state.threads -= 1;
    }
}

/// What a thread is about; the stage changes under the lock.
pub(super) struct Running<T> {
    result: oneshot::Receiver<T>,
    lane: Arc<Lane>,
    stage: Arc<AtomicU8>,
    shared: Arc<Shared>,
}

impl<T> Future for Running<T> {
    /// None if it panicked.
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.result).poll(cx).map(Result::ok)
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        if self.result.is_terminated() {
            return;
        }
        let mut state = self.shared.lock();
        if self.stage.load(Relaxed) == DONE {
            return;
        }
        if self.stage.swap(GIVEN_UP, Relaxed) == RUNNING {
            state.stuck += 1;
            self.lane.stuck.fetch_add(1, Relaxed);
            // The others' work does not wait for it.
            if !state.queue.is_empty() {
                self.shared.staff(&mut state);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn what_never_returns_is_counted_and_others_go_on() {
        let (threads, lane, other) = (FileThreads::default(), Arc::default(), Arc::default());
        let (release, released) = mpsc::channel::<()>();
        let (began, begun) = oneshot::channel();
        let stuck = threads.run(&lane, move || {
            let _ = began.send(());
            released.recv()
        });
        begun.await.unwrap();
        drop(stuck);
        assert_eq!(threads.stuck(), 1);
        assert_eq!(threads.run(&other, || 7).unwrap().await, Some(7));
        drop(release);
        // The thread that was stuck is free again once it has said so.
        while threads.stuck() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(lane.stuck.load(Relaxed), 0);
    }

    #[tokio::test]
    async fn a_job_that_panics_gives_nothing_and_the_next_one_runs() {
        let (threads, lane) = (FileThreads::default(), Arc::default());
        assert_eq!(threads.run(&lane, || panic!("as planned")).unwrap().await, None::<()>);
        assert_eq!(threads.run(&lane, || 7).unwrap().await, Some(7));
        assert_eq!(threads.stuck(), 0);
    }

    #[tokio::test]
    async fn what_waits_for_a_thread_and_is_given_up_is_never_begun() {
        let (threads, lane) = (FileThreads::default(), Arc::default());
        let mut running = Vec::new();
        let (release, released) = mpsc::channel::<()>();
        let released = Arc::new(Mutex::new(released));
        for _ in 0..MOST {
            let released = released.clone();
            running.push(threads.run(&lane, move || drop(released.lock().map(|end| end.recv()))).unwrap());
        }
        let flag = Arc::new(AtomicUsize::new(0));
        let seen = flag.clone();
        drop(threads.run(&lane, move || seen.store(1, Relaxed)));
        drop(release);
        for running in running {
            assert!(running.await.is_some());
        }
        assert_eq!((flag.load(Relaxed), threads.stuck()), (0, 0));
    }
}
