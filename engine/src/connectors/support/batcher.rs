//! Records that are sent in groups, some of which are under way at once.

use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Join, join};
use futures_util::stream::FuturesOrdered;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep_until};

use crate::Error;
use crate::connectors::support::delivery_status::DeliveryStatus;
use crate::fault::Cause;
use crate::graph::{Handling, Items, Node};
use crate::progress::{Detached, GraphContext};
use crate::record::{Batch, BatchBuilder, Record};
use crate::text::PlainText;

/// So many bytes go together at most, unless a record is longer.
const MOST: usize = 1 << 20;

/// Which records go together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grouping {
    pub(crate) records: usize,
    /// How long the first waits for others.
    pub(crate) within: Duration,
    /// So many groups are under way at once.
    pub(crate) in_flight: usize,
    /// Why a record can't be sent at all, if it can't.
    pub(crate) refuse: fn(&[u8]) -> Option<String>,
}

/// What became of a group.
pub(crate) enum Sent {
    Taken,
    /// None of it was taken, for this cause, after so many attempts.
    Refused(Cause, u32),
}

/// The node: it takes records over, for a task that sends them.
pub(crate) struct Batcher {
    /// Taken at the end.
    sender: Mutex<Option<Sender<Batch>>>,
    task: Detached,
    link: Arc<Link>,
    /// For what can't be taken over.
    status: DeliveryStatus,
}

/// What both sides know.
struct Link {
    context: Arc<GraphContext>,
    failed: OnceLock<Error>,
    /// Its place among those that say how far elements are done.
    tracked: OnceLock<usize>,
}

impl Link {
    fn place(&self) -> usize {
        *self.tracked.get_or_init(|| self.context.track(false))
    }

    fn failure(&self) -> Error {
        self.failed.get().cloned().unwrap_or(Error::Closed)
    }
}

impl Batcher {
    pub(crate) fn new<S, F>(
        grouping: Grouping,
        status: DeliveryStatus,
        context: Arc<GraphContext>,
        send: S,
    ) -> Self
    where
        S: Fn(Batch) -> F + Send + 'static,
        F: Future<Output = Result<Sent, Error>> + Send + 'static,
    {
        let (sender, receiver) = channel(1);
        let link = Arc::new(Link { context, failed: OnceLock::new(), tracked: OnceLock::new() });
        let refusing = status.clone();
        let mailing = Mailing {
            grouping,
            status,
            link: link.clone(),
            send,
            waiting: VecDeque::new(),
            since: Instant::now(),
            under_way: FuturesOrdered::new(),
        };
        let task = Detached::new(mailing.run(receiver), &link.context);
        Self { sender: Mutex::new(Some(sender)), task, link, status: refusing }
    }

    fn sender(&self) -> MutexGuard<'_, Option<Sender<Batch>>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self, batch: Batch) -> Result<(), Error> {
        let place = self.link.place();
        self.task.start().await;
        let sender = self.sender().clone().ok_or(Error::Closed)?;
        let Some(last) = batch.len().checked_sub(1) else { return Ok(()) };
        let _waiting = self.link.context.waits.wait();
        let room = sender.reserve().await.map_err(|_| self.link.failure())?;
        self.link.context.enter(place, batch.number(0), batch.number(last), batch.len());
        room.send(batch);
        Ok(())
    }
}

impl<T: Record> Node<T> for Batcher {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::going(async {
            match self.status.batch(items)? {
                Some(batch) => self.take(batch).await,
                None => Ok(()),
            }
        })
    }

    fn pause(&self) -> Handling<'_> {
        // The task sees for itself how long records wait.
        Handling::Done(Ok(()))
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(async {
            drop(self.sender().take());
            self.task.end().await
        })
    }
}

/// The task that sends.
struct Mailing<S, F: Future> {
    grouping: Grouping,
    status: DeliveryStatus,
    link: Arc<Link>,
    send: S,
    /// What has not gone yet: less than a group, or one batch more.
    waiting: VecDeque<Batch>,
    /// When the first of them came.
    since: Instant,
    under_way: FuturesOrdered<UnderWay<F>>,
}

type UnderWay<F> = Join<Ready<Batch>, F>;

impl<S, F> Mailing<S, F>
where
    S: Fn(Batch) -> F + Send + 'static,
    F: Future<Output = Result<Sent, Error>> + Send + 'static,
{
    async fn run(mut self, mut receiver: Receiver<Batch>) -> Result<(), Error> {
        let ran = self.mail(&mut receiver).await;
        if let Err(error) = &ran {
            self.link.context.fail(self.link.failed.get_or_init(|| error.clone()).clone());
        }
        ran
    }

    async fn mail(&mut self, receiver: &mut Receiver<Batch>) -> Result<(), Error> {
        let (waits, mut more) = (self.link.context.waits.clone(), true);
        while more || self.records() > 0 || !self.under_way.is_empty() {
            let full = self.records() >= self.grouping.records;
            let due = self.since + self.grouping.within;
            let has_room = self.under_way.len() < self.grouping.in_flight;
            let is_due = self.records() > 0 && (full || !more || due <= Instant::now());
            if has_room && is_due {
                if let Err(error) = self.post() {
                    // What stood before a record that ends the run is sent all the same.
                    while let Some((batch, sent)) = self.under_way.next().await {
                        self.settle(&batch, sent?)?;
                    }
                    return Err(error);
                }
                continue;
            }
            let idle = self.records() == 0 && self.under_way.is_empty();
            let _waiting = idle.then(|| waits.wait());
            tokio::select! {
                Some((batch, sent)) = self.under_way.next() => self.settle(&batch, sent?)?,
                came = receiver.recv(), if more && !full => match came {
                    Some(batch) => self.put(batch),
                    None => more = false,
                },
                () = sleep_until(due), if has_room && self.records() > 0 => {}
            }
        }
        Ok(())
    }

    fn records(&self) -> usize {
        self.waiting.iter().map(Batch::len).sum()
    }

    fn put(&mut self, batch: Batch) {
        if self.waiting.is_empty() {
            self.since = Instant::now();
        }
        self.waiting.push_back(batch);
    }

    /// Sends the next group.
    fn post(&mut self) -> Result<(), Error> {
        let (mut group, mut added) = (BatchBuilder::default(), Ok(()));
        while let Some(mut batch) = self.waiting.pop_front() {
            let room = self.grouping.records - group.len();
            let fitting = batch.fitting(MOST.saturating_sub(group.bytes()));
            let rest = batch.split_off(room.min(fitting).min(batch.len()));
            added = self.add(&batch, &mut group);
            if added.is_err() {
                break;
            }
            if !rest.is_empty() {
                self.waiting.push_front(rest);
                break;
            }
            if group.len() >= self.grouping.records || group.bytes() >= MOST {
                break;
            }
        }
        if group.len() > 0 {
            let group = group.build();
            let sending = (self.send)(group.clone());
            self.under_way.push_back(join(ready(group), sending));
        }
        added
    }

    /// Adds those records to a group that can be sent.
    fn add(&self, batch: &Batch, group: &mut BatchBuilder) -> Result<(), Error> {
        for (number, record) in batch.iter() {
            match (self.grouping.refuse)(record) {
                None => group.push(number, |data| data.extend_from_slice(record)),
                Some(message) => {
                    let cause = Cause::Failed { message: PlainText::short(message), retryable: false };
                    self.status.refused(number, cause, || record.into(), 1)?;
                    // Those before it may be under way.
                    self.link.context.leave(self.link.place(), 0, 1);
                }
            }
        }
        Ok(())
    }

    /// A group is done, and all before it.
    fn settle(&self, group: &Batch, sent: Sent) -> Result<(), Error> {
        match sent {
            Sent::Taken => {
                let last = group.len() - 1;
                self.status.taken(group.len(), group.number(last));
            }
            Sent::Refused(cause, attempts) => {
                for (number, record) in group.iter() {
                    self.status.refused(number, cause.clone(), || record.into(), attempts)?;
                }
            }
        }
        self.link.context.leave(self.link.place(), group.number(group.len() - 1), group.len());
        Ok(())
    }
}
