//! The ticker that moves the epoch of a pool's wasmtime engine, by which busy guests are interrupted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use wasmtime::Engine;

use super::meter::nanos;
use crate::{Error, threads};

/// How often a busy guest is interrupted, so that its deadline is looked at and others may run.
const TICK: Duration = Duration::from_millis(5);

/// What a tick takes at most, unless the process is stopped, or gets no processor: guests do not run meanwhile.
const LONGEST_TICK: Duration = Duration::from_millis(50);

/// How long guests could run: without the time in which the process was stopped.
#[derive(Clone)]
pub(in crate::plugin) struct RunningTime(Arc<TickerState>);

impl RunningTime {
    /// Nanoseconds, as of the last tick.
    pub(super) fn now(&self) -> u64 {
        self.0.running.load(Ordering::Relaxed)
    }

    /// The most nanoseconds in which guests can have run since then.
    pub(super) fn longest_since(&self, then: u64) -> u64 {
        self.now().saturating_sub(then).saturating_add(nanos(LONGEST_TICK))
    }
}

/// While one lives, guests may run.
pub(in crate::plugin) struct Active<'a>(&'a Ticker);

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// A thread that moves the epoch while any guest runs, and sleeps otherwise.
pub(in crate::plugin) struct Ticker {
    shared: Arc<TickerState>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct TickerState {
    active: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
    /// See [`RunningTime`].
    running: AtomicU64,
}

impl TickerState {
    /// Ticks until `stop`. It falls asleep only after some idle ticks, so that short calls one
    /// after another do not wake it each time.
    fn run(&self, engine: &Engine) {
        const IDLE_TICKS: u32 = 20;
        let (mut idle, mut last) = (0, Instant::now());
        while !self.stop.load(Ordering::SeqCst) {
            idle = if self.active.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
            if idle < IDLE_TICKS {
                thread::park_timeout(TICK);
                let tick = last.elapsed().min(LONGEST_TICK);
                last = Instant::now();
                self.running.fetch_add(nanos(tick), Ordering::Relaxed);
                engine.increment_epoch();
                continue;
            }
            self.asleep.store(true, Ordering::SeqCst);
            if self.active.load(Ordering::SeqCst) == 0 && !self.stop.load(Ordering::SeqCst) {
                thread::park();
            }
            self.asleep.store(false, Ordering::SeqCst);
            (idle, last) = (0, Instant::now());
        }
    }
}

impl Ticker {
    pub(in crate::plugin) fn spawn(engine: Engine) -> Result<Self, Error> {
        let shared = Arc::<TickerState>::default();
        let state = shared.clone();
        let thread = threads::start("engine-epoch", move || state.run(&engine))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(in crate::plugin) fn running_time(&self) -> RunningTime {
        RunningTime(self.shared.clone())
    }

    /// Keeps the epoch moving until the guard is dropped; guests run only meanwhile.
    pub(in crate::plugin) fn active(&self) -> Active<'_> {
        self.enter();
        Active(self)
    }

    fn enter(&self) {
        self.shared.active.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.swap(false, Ordering::SeqCst) {
            self.wake();
        }
    }

    fn leave(&self) {
        self.shared.active.fetch_sub(1, Ordering::SeqCst);
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // It only parks and counts, so there is no panic to pass on.
            let _ = thread.join();
        }
    }
}
