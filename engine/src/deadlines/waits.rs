//! Lists what this process waits for.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Something that this process waits for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Wait {
    /// What is waited for, in words.
    pub what: String,
    /// How long this has lasted.
    pub time: Duration,
}

/// Lists what the streams of this process wait for now: peers, servers, processes, and the sinks and sources that use
/// them. The longest wait comes first.
#[must_use]
pub fn waits() -> Vec<Wait> {
    let wait = |Begun { what, since }: &Begun| Wait { what: what.clone(), time: since.elapsed() };
    all().begun.values().map(wait).collect()
}

struct Begun {
    what: String,
    since: Instant,
}

/// The current waits, by the order in which they began.
struct Waits {
    begun: BTreeMap<u64, Begun>,
    next: u64,
}

static WAITS: Mutex<Waits> = Mutex::new(Waits { begun: BTreeMap::new(), next: 0 });

fn all() -> MutexGuard<'static, Waits> {
    WAITS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A wait that goes on until this is dropped.
pub(super) struct Waiting(u64);

impl Waiting {
    pub(super) fn begin(what: String) -> Self {
        let mut waits = all();
        let number = waits.next;
        waits.next += 1;
        waits.begun.insert(number, Begun { what, since: Instant::now() });
        Self(number)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        all().begun.remove(&self.0);
    }
}

/// Waits for a future, and lists that wait meanwhile. Costs nothing if the future is ready at once.
pub(crate) async fn waiting<T>(what: impl FnOnce() -> String, coming: impl Future<Output = T>) -> T {
    let (mut coming, mut what, mut waiting) = (pin!(coming), Some(what), None);
    poll_fn(|context| {
        let polled = coming.as_mut().poll(context);
        if polled.is_pending()
            && let Some(what) = what.take()
        {
            waiting = Some(Waiting::begin(what()));
        }
        polled
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_pending_waits_are_reported() {
        let told = || waits().iter().any(|wait| wait.what == "the test");
        waiting(|| "the test".to_owned(), async { assert!(!told()) }).await;
        let later = async {
            tokio::task::yield_now().await;
            assert!(told());
        };
        waiting(|| "the test".to_owned(), later).await;
        assert!(!told());
    }
}
