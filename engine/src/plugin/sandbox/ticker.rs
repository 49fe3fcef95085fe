//! The ticker that moves the epoch of a pool's wasmtime engine, by which busy guests are interrupted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::Engine;

use crate::{Error, threads};

/// How often a busy guest is interrupted, so that its deadline is looked at and others may run.
const TICK: Duration = Duration::from_millis(5);

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
}

impl TickerState {
    /// Ticks until `stop`. It falls asleep only after some idle ticks, so that short calls one
    /// after another do not wake it each time.
    fn run(&self, engine: &Engine) {
        const IDLE_TICKS: u32 = 20;
        let mut idle = 0;
        while !self.stop.load(Ordering::SeqCst) {
            idle = if self.active.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
            if idle < IDLE_TICKS {
                thread::park_timeout(TICK);
                engine.increment_epoch();
                continue;
            }
            self.asleep.store(true, Ordering::SeqCst);
            if self.active.load(Ordering::SeqCst) == 0 && !self.stop.load(Ordering::SeqCst) {
                thread::park();
            }
            self.asleep.store(false, Ordering::SeqCst);
            idle = 0;
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
