//! Threads on which guests' file operations block, and what becomes of those that never return.
//!
//! A file system may keep a call for ever (a server that is away, a FUSE that sleeps), and a thread in such a call
//! can't be ended. A call whose instance is gone counts as stuck. It keeps a turn of its function, so that it costs
//! that function alone.

mod lane;

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub(in crate::plugin) use lane::Lane;
use lane::{Close, TURNS, Turn};

/// The most threads of a pool, without those that are lost: each function can lose `TURNS` of them.
const MOST: usize = 512;

/// A thread without work leaves after this long.
const REST: Duration = Duration::from_secs(10);

/// The threads of one pool; none before the first call.
#[derive(Default)]
pub(crate) struct FileThreads(Arc<Shared>);

#[derive(Default)]
pub(in crate::plugin) struct Shared {
    state: Mutex<ThreadsState>,
    work: Condvar,
}

#[derive(Default)]
struct ThreadsState {
    queue: VecDeque<Job>,
    /// Threads that wait for work.
    idle: usize,
    threads: usize,
    /// Threads in calls that were given up.
    given_up: usize,
    /// Threads that close a file.
    closing: HashMap<ThreadId, Closing>,
    closed: bool,
}

struct Closing {
    lane: Arc<Lane>,
    begun: Instant,
    patience: Duration,
}

struct Job {
    run: Box<dyn FnOnce() + Send>,
    lane: Arc<Lane>,
    kind: Kind,
}

enum Kind {
    /// Somebody waits for it.
    Call(Arc<AtomicU8>),
    /// Nobody does.
    Close(Duration),
}

const RUNNING: u8 = 1;
const GIVEN_UP: u8 = 2;
const DONE: u8 = 3;

/// No thread can be had: all are stuck, or the system refuses more.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::plugin) struct NoThread;

impl FileThreads {
    /// Waits for a turn of a function, which ends when the guard is dropped.
    pub(in crate::plugin) async fn turn(&self, lane: &Arc<Lane>) -> Turn {
        lane.turn(&self.0).await
    }

    /// Runs what may block on a thread. If the result is dropped before it is there, nobody waits for it.
    pub(in crate::plugin) fn run<T: Send + 'static>(
        &self,
        lane: &Arc<Lane>,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Running<T>, NoThread> {
        let (sender, result) = oneshot::channel();
        let run = Box::new(move || drop(sender.send(job())));
        let stage = Arc::<AtomicU8>::default();
        self.0.submit(Job { run, lane: lane.clone(), kind: Kind::Call(stage.clone()) })?;
        Ok(Running { result, lane: lane.clone(), stage, shared: self.0.clone() })
    }

    /// Drops `what` on a thread at the function's next turn, since closing a file may block. If it takes longer than
    /// `patience`, it counts as stuck.
    pub(in crate::plugin) fn close<T: Send + 'static>(&self, lane: &Arc<Lane>, patience: Duration, what: T) {
        let run = Box::new(move || drop(what));
        lane.close(Close { run, patience }, &self.0);
    }

    /// The number of threads in calls that were given up, and in closes that take too long.
    pub(crate) fn stuck(&self) -> usize {
        let state = self.0.lock();
        state.stuck()
    }

    /// The number of a function's calls that are stuck, if that is all of its turns.
    pub(in crate::plugin) fn is_lost(&self, lane: &Arc<Lane>) -> Option<usize> {
        if lane.has_turns() {
            return None;
        }
        let state = self.0.lock();
        let closes = state.closing.values().filter(|closing| Arc::ptr_eq(&closing.lane, lane));
        let stuck = lane.given_up.load(Relaxed) + closes.filter(|closing| closing.is_stuck()).count();
        Some(stuck).filter(|stuck| *stuck >= TURNS)
    }
}

impl Closing {
    fn is_stuck(&self) -> bool {
        self.begun.elapsed() > self.patience
    }
}

impl ThreadsState {
    fn stuck(&self) -> usize {
        self.given_up + self.closing.values().filter(|closing| closing.is_stuck()).count()
    }

    /// Threads that have work, or can take some up.
    fn sound(&self) -> usize {
        self.threads - self.given_up - self.closing.len()
    }
}

impl Drop for FileThreads {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.work.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, ThreadsState> {
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

    /// Closes a file during `turn`. If no thread can be had, it waits for one that is started later.
    pub(in crate::plugin) fn close(self: &Arc<Self>, close: Close, lane: &Arc<Lane>, turn: Turn) {
        let run = Box::new(move || {
            (close.run)();
            drop(turn);
        });
        let mut state = self.lock();
        state.queue.push_back(Job { run, lane: lane.clone(), kind: Kind::Close(close.patience) });
        self.staff(&mut state);
        drop(state);
        self.work.notify_one();
    }

    /// Sees to it that a thread takes up what is in the queue; false if none will.
    fn staff(self: &Arc<Self>, state: &mut ThreadsState) -> bool {
        if state.idle < state.queue.len() && state.sound() < MOST {
            let shared = self.clone();
            let started = thread::Builder::new().name("engine-blocking".into()).spawn(move || shared.work());
            state.threads += usize::from(started.is_ok());
        }
        state.threads > state.stuck()
    }

    /// The others' work does not wait for a thread that may be lost.
    fn replace(self: &Arc<Self>, state: &mut ThreadsState) {
        if !state.queue.is_empty() {
            self.staff(state);
        }
    }

    /// Takes up jobs until there are none for a while.
    fn work(self: &Arc<Self>) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                state = self.at_work(state, job);
                continue;
            }
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
        }
        state.threads -= 1;
    }

    fn at_work<'s>(
        self: &'s Arc<Self>,
        mut state: MutexGuard<'s, ThreadsState>,
        job: Job,
    ) -> MutexGuard<'s, ThreadsState> {
        let Job { run, lane, kind } = job;
        let this = thread::current().id();
        match &kind {
            Kind::Call(stage) if stage.swap(RUNNING, Relaxed) == GIVEN_UP => {
                drop(state);
                drop(run);
                return self.lock();
            }
            Kind::Call(_) => {}
            Kind::Close(patience) => {
                let closing = Closing { lane: lane.clone(), begun: Instant::now(), patience: *patience };
                state.closing.insert(this, closing);
                self.replace(&mut state);
            }
        }
        drop(state);
        // A guest learns of a panic because the result does not come.
        let _ = catch_unwind(AssertUnwindSafe(run));
        let mut state = self.lock();
        match kind {
            Kind::Call(stage) => {
                if stage.swap(DONE, Relaxed) == GIVEN_UP {
                    state.given_up -= 1;
                    lane.given_up.fetch_sub(1, Relaxed);
                }
            }
            Kind::Close(_) => drop(state.closing.remove(&this)),
        }
        state
    }
}

/// What a thread is about; the stage changes under the lock.
pub(in crate::plugin) struct Running<T> {
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
            state.given_up += 1;
            self.lane.given_up.fetch_add(1, Relaxed);
            self.shared.replace(&mut state);
        }
    }
}

#[cfg(test)]
mod tests;
