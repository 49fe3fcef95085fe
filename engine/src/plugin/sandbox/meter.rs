//! What time a call has used, and when it must end.
//!
//! Time counts while the guest runs and while it waits in a host call. Time in which it could run
//! but its thread was busy with a neighbour does not, and neither does time in which the process was stopped.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::time::Sleep;

use super::ticker::{RunningTime, Ticker};

/// Learns that a guest waits, and so leaves its thread free.
pub(crate) trait Waiting: Sync {
    /// The guest waits in a host call.
    fn waits(&self);
    /// It goes on.
    fn resumes(&self);
}

/// Nobody wants to know.
impl Waiting for () {
    fn waits(&self) {}
    fn resumes(&self) {}
}

/// The clock of one instance. Times are nanoseconds since `base`.
pub(crate) struct Meter {
    base: Instant,
    polled: AtomicU64,
    /// The running time then.
    polled_running: AtomicU64,
    /// Of this record, or of the call if no record was begun in it.
    used: AtomicU64,
    /// Of the records before it in the call.
    before: AtomicU64,
    limit: AtomicU64,
    yielded: AtomicBool,
    expired: AtomicBool,
    /// When the waiting guest was woken; 0 while it was not.
    woken: AtomicU64,
    waker: Mutex<Option<Waker>>,
}

impl Meter {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            base: Instant::now(),
            polled: 0.into(),
            polled_running: 0.into(),
            used: 0.into(),
            before: 0.into(),
            limit: 0.into(),
            yielded: false.into(),
            expired: false.into(),
            woken: 0.into(),
            waker: Mutex::default(),
        })
    }

    fn now(&self) -> u64 {
        nanos(self.base.elapsed())
    }

    /// A record of the running call is begun, which has the whole limit for itself.
    pub(crate) fn restart(&self) {
        let now = self.now();
        let running = now.saturating_sub(self.polled.swap(now, Relaxed));
        self.before.fetch_add(self.used.swap(0, Relaxed) + running, Relaxed);
    }

    /// The time that counts against the limit.
    fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Relaxed))
    }

    /// The time that the last call used.
    pub(crate) fn spent(&self) -> Duration {
        self.used() + Duration::from_nanos(self.before.load(Relaxed))
    }

    /// Whether the running guest must be ended; called at each epoch. Otherwise it will yield.
    pub(in crate::plugin) fn tick(&self, time: &RunningTime) -> bool {
        let over = self.used.load(Relaxed) + self.running(time) > self.limit.load(Relaxed);
        self.expired.store(over, Relaxed);
        self.yielded.store(!over, Relaxed);
        over
    }

    fn begin(&self, time: &RunningTime) {
        self.woken.store(0, Relaxed);
        self.polled_running.store(time.now(), Relaxed);
        self.polled.store(self.now(), Relaxed);
    }

    fn end(&self, time: &RunningTime) {
        self.used.fetch_add(self.running(time), Relaxed);
    }

    /// For how long it has run since it was polled.
    fn running(&self, time: &RunningTime) -> u64 {
        let running = self.now().saturating_sub(self.polled.load(Relaxed));
        running.min(time.longest_since(self.polled_running.load(Relaxed)))
    }

    fn register(&self, waker: &Waker) {
        let mut slot = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }
}

impl Wake for Meter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let _ = self.woken.compare_exchange(0, self.now().max(1), Relaxed, Relaxed);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A guest that waits in a host call, until it is woken or its time is over.
struct Wait {
    since: u64,
    since_running: u64,
    timer: Pin<Box<Sleep>>,
}

impl Wait {
    fn begin(meter: &Meter, time: &RunningTime, limit: Duration, cx: &mut Context<'_>) -> Self {
        let left = limit.saturating_sub(meter.used());
        let mut timer = Box::pin(tokio::time::sleep(left));
        // The first poll arms the timer; one without time left fires at the next wake-up.
        if timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Self { since: meter.now(), since_running: time.now(), timer }
    }
}

/// Runs a guest's `call` until it ends or has used `limit`: then the result is `None`, and the
/// call and its store must be dropped. What the guest waits for is driven by the runtime of `handle`.
///
/// A busy guest is ended by the epoch callback, which asks [`Meter::tick`]; its call returns a trap
/// after which [`expired`] holds. A waiting one is ended here.
pub(crate) async fn metered<F: Future>(
    meter: &Arc<Meter>,
    limit: Duration,
    ticker: &Ticker,
    handle: &Handle,
    waiting: &dyn Waiting,
    mut call: Pin<&mut F>,
) -> Option<F::Output> {
    let (_active, time) = (ticker.active(), ticker.running_time());
    let waker = Waker::from(meter.clone());
    let mut wait: Option<Wait> = None;
    meter.used.store(0, Relaxed);
    meter.before.store(0, Relaxed);
    meter.limit.store(nanos(limit), Relaxed);
    meter.expired.store(false, Relaxed);
    poll_fn(|cx| {
        meter.register(cx.waker());
        if let Some(Wait { since, since_running, timer }) = &mut wait {
            let longest = time.longest_since(*since_running);
            let woken = meter.woken.load(Relaxed);
            if woken == 0 {
                ready!(timer.as_mut().poll(cx));
                if meter.now().saturating_sub(*since) > longest {
                    // The process was stopped meanwhile.
                    meter.used.fetch_add(longest, Relaxed);
                    wait = Some(Wait::begin(meter, &time, limit, cx));
                    return Poll::Pending;
                }
                waiting.resumes();
                meter.expired.store(true, Relaxed);
                return Poll::Ready(None);
            }
            meter.used.fetch_add(woken.saturating_sub(*since).min(longest), Relaxed);
            wait = None;
            waiting.resumes();
            // However often it is woken, and whatever it does then: its time does not begin anew.
            if meter.used() > limit {
                meter.expired.store(true, Relaxed);
                return Poll::Ready(None);
            }
        }
        let _context = handle.enter();
        meter.begin(&time);
        let polled = call.as_mut().poll(&mut Context::from_waker(&waker));
        meter.end(&time);
        if let Poll::Ready(result) = polled {
            return Poll::Ready(Some(result));
        }
        if !meter.yielded.swap(false, Relaxed) {
            wait = Some(Wait::begin(meter, &time, limit, cx));
            waiting.waits();
        }
        Poll::Pending
    })
    .await
}

/// Whether the last call was ended since its time was over.
pub(crate) fn expired(meter: &Meter) -> bool {
    meter.expired.load(Relaxed)
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
