//! Sends records in groups, some of which are in flight at the same time.

use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Join, join};
use futures_util::stream::FuturesOrdered;
use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::Error;
use crate::connectors::support::delivery_status::DeliveryStatus;
use crate::fault::Cause;
use crate::graph::{Backlog, Handling, Handover, Items, Node};
use crate::progress::{BoxFuture, GraphContext, Holding, KeptNode};
use crate::record::{Batch, BatchBuilder, Record};
use crate::text::PlainText;

/// The most bytes of a group, unless a record is longer.
const GROUP_BYTES: usize = 1 << 20;

/// Which records go together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grouping {
    pub(crate) records: usize,
    /// How long the first record waits for others.
    pub(crate) within: Duration,
    /// The most groups in flight at the same time.
    pub(crate) in_flight: usize,
    /// Returns why a record can't be sent at all, if that is so.
    pub(crate) refuse: fn(&[u8]) -> Option<String>,
}

/// The result of sending a group.
pub(crate) enum Sent {
    Taken,
    /// No record of it was taken, for this cause and after this number of attempts.
    Refused(Cause, u32),
}

/// The node: it hands records over to a task that sends them.
pub(crate) struct Batcher {
    handover: Handover<Batch>,
    /// For what can't be handed over.
    status: DeliveryStatus,
    unsent: Arc<Unsent>,
}

/// How many records were handed over and are not settled.
struct Unsent(watch::Sender<usize>);

impl KeptNode for Unsent {
    fn settle(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            // The sender is here.
            let _ = self.0.subscribe().wait_for(|records| *records == 0).await;
            Ok(())
        })
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
        let (refusing, unsent) = (status.clone(), Arc::new(Unsent(watch::Sender::new(0))));
        let its = unsent.clone();
        let handover = Handover::new(1, context, |receiver, backlog| {
            let sending = Sending {
                grouping,
                status,
                backlog,
                unsent: its,
                send,
                waiting: VecDeque::new(),
                since: Instant::now(),
                in_flight: FuturesOrdered::new(),
            };
            sending.run(receiver)
        });
        Self { handover, status: refusing, unsent }
    }

    async fn take(&self, batch: Batch) -> Result<(), Error> {
        let sender = self.handover.begin().await?;
        let (Some(last), count) = (batch.len().checked_sub(1), batch.len()) else { return Ok(()) };
        let numbers = (batch.number(0), batch.number(last));
        // Counted when there is room: a call that is dropped while it waits hands nothing over.
        let handed = || {
            self.unsent.0.send_modify(|records| *records += count);
            batch
        };
        sender.send(numbers, count, handed).await
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
        // The task itself checks how long records wait.
        Handling::Done(Ok(()))
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(self.handover.close())
    }

    fn holding(&self) -> Holding {
        let unsent: Weak<Unsent> = Arc::downgrade(&self.unsent);
        Holding::Kept(unsent)
    }
}

/// The task that sends.
struct Sending<S, F: Future> {
    grouping: Grouping,
    status: DeliveryStatus,
    backlog: Arc<Backlog>,
    unsent: Arc<Unsent>,
    send: S,
    /// What is not sent yet: less than a group, or one batch more.
    waiting: VecDeque<Batch>,
    /// When the first of them came.
    since: Instant,
    in_flight: FuturesOrdered<InFlight<F>>,
}

type InFlight<F> = Join<Ready<Batch>, F>;

impl<S, F> Sending<S, F>
where
    S: Fn(Batch) -> F + Send + 'static,
    F: Future<Output = Result<Sent, Error>> + Send + 'static,
{
    async fn run(mut self, mut receiver: Receiver<Batch>) -> Result<(), Error> {
        let sent = self.send_all(&mut receiver).await;
        if let Err(error) = &sent {
            self.backlog.fail(error.clone());
        }
        sent
    }

    async fn send_all(&mut self, receiver: &mut Receiver<Batch>) -> Result<(), Error> {
        let (waits, mut more) = (self.backlog.context().waits.clone(), true);
        while more || self.records() > 0 || !self.in_flight.is_empty() {
            let full = self.records() >= self.grouping.records;
            let due = self.since + self.grouping.within;
            let has_room = self.in_flight.len() < self.grouping.in_flight;
            let is_due = self.records() > 0 && (full || !more || due <= Instant::now());
            if has_room && is_due {
                if let Err(error) = self.send_group() {
                    // What came before a record that ends the run is sent all the same.
                    while let Some((batch, sent)) = self.in_flight.next().await {
                        self.settle(&batch, sent?)?;
                    }
                    return Err(error);
                }
                continue;
            }
            let idle = self.records() == 0 && self.in_flight.is_empty();
            let _waiting = idle.then(|| waits.wait());
            tokio::select! {
                Some((batch, sent)) = self.in_flight.next() => self.settle(&batch, sent?)?,
                received = receiver.recv(), if more && !full => match received {
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
    fn send_group(&mut self) -> Result<(), Error> {
        let (mut group, mut added) = (BatchBuilder::default(), Ok(()));
        while let Some(mut batch) = self.waiting.pop_front() {
            let room = self.grouping.records - group.len();
            let fitting = batch.fitting(GROUP_BYTES.saturating_sub(group.bytes()));
            let rest = batch.split_off(room.min(fitting).min(batch.len()));
            added = self.add(&batch, &mut group);
            if added.is_err() {
                break;
            }
            if !rest.is_empty() {
                self.waiting.push_front(rest);
                break;
            }
            if group.len() >= self.grouping.records || group.bytes() >= GROUP_BYTES {
                break;
            }
        }
        if group.len() > 0 {
            let group = group.build();
            let sending = (self.send)(group.clone());
            self.in_flight.push_back(join(ready(group), sending));
        }
        added
    }

    /// Adds the records that can be sent to a group.
    fn add(&self, batch: &Batch, group: &mut BatchBuilder) -> Result<(), Error> {
        for (number, record) in batch.iter() {
            match (self.grouping.refuse)(record) {
                None => group.push(number, |data| data.extend_from_slice(record)),
                Some(message) => {
                    let cause = Cause::Failed { message: PlainText::short(message), retryable: false };
                    self.status.refused(number, cause, || record.into(), 1)?;
                    // Those before it may be in flight.
                    self.leave(0, 1);
                }
            }
        }
        Ok(())
    }

    /// Reports the result of a group. All groups before it are reported.
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
        self.leave(group.number(group.len() - 1), group.len());
        Ok(())
    }

    /// Counts settled records; the last one has this number.
    fn leave(&self, last: u64, count: usize) {
        self.backlog.leave(last, count);
        self.unsent.0.send_modify(|records| *records = records.saturating_sub(count));
    }
}
