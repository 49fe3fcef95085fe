//! Files of a function that are being closed: what a shortage of descriptors waits for.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::resources::{Account, Refused};

/// Closes of a function that have not ended, those that wait for a turn included.
#[derive(Default)]
pub(in crate::plugin) struct Closes {
    begun: Mutex<Begun>,
    ended: Notify,
}

#[derive(Default)]
struct Begun {
    next: u64,
    /// In the order of their begin.
    closes: BTreeMap<u64, Begin>,
}

struct Begin {
    at: Instant,
    account: Weak<Account>,
}

/// A close that is under way until this is dropped.
pub(in crate::plugin) struct UnderWay {
    closes: Arc<Closes>,
    number: u64,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.closes.begun().closes.remove(&self.number);
        self.closes.ended.notify_waiters();
    }
}

impl Closes {
    /// Counts a close of what `account` is charged for, until the guard is dropped.
    pub(in crate::plugin) fn begin(self: &Arc<Self>, account: &Arc<Account>) -> UnderWay {
        let mut begun = self.begun();
        let number = begun.next;
        begun.next += 1;
        let begin = Begin { at: Instant::now(), account: Arc::downgrade(account) };
        begun.closes.insert(number, begin);
        UnderWay { closes: self.clone(), number }
    }

    /// Tries `take` again after each close that ends, as long as one is under way that can help `account`. It waits
    /// for `patience` at most in all, and for no close that was begun longer ago, which is stuck.
    pub(in crate::plugin) async fn retry<T>(
        &self,
        account: &Arc<Account>,
        patience: Duration,
        take: impl Fn() -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let began = Instant::now();
        loop {
            // The order matters: a close that ends after these two lines wakes this task.
            let mut ended = pin!(self.ended.notified());
            ended.as_mut().enable();
            let (newest, newest_own) = self.newest(account);
            let refused = match take() {
                Err(refused) => refused,
                taken => return taken,
            };
            // What other instances give back does not help one that may have no more.
            let newest = if refused == Refused::Instance { newest_own } else { newest };
            let left = newest.map(|newest| patience.saturating_sub(newest.min(began).elapsed()));
            let Some(left) = left.filter(|left| !left.is_zero()) else { return Err(refused) };
            let _ = timeout(left, ended).await;
        }
    }

    /// When the newest close was begun, and the newest one of an account.
    fn newest(&self, account: &Arc<Account>) -> (Option<Instant>, Option<Instant>) {
        let begun = self.begun();
        let is_own = |begin: &&Begin| std::ptr::eq(begin.account.as_ptr(), Arc::as_ptr(account));
        let mut newest = begun.closes.values().rev();
        let own = newest.clone().find(is_own).map(|begin| begin.at);
        (newest.next().map(|begin| begin.at), own)
    }

    fn begun(&self) -> MutexGuard<'_, Begun> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
