//! The two queues of a run, in memory.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use futures_util::stream::try_unfold;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, timeout_at};

use super::broker::{Connection, Contents, missing};
use super::queue::{QUEUE_BYTES, Queue, Taken};
use crate::cluster::transport::{
    Delivery, DeliveryStream, Published, Queues, Receipt, Reply, TaskQueue, TransportError,
};

/// A result that a host has not acknowledged after this time comes again.
const RESULT_WAIT: Duration = Duration::from_secs(30);

/// The queues of a run, as the broker keeps them.
pub(super) struct RunQueues {
    tasks: Queue,
    results: Queue,
}

impl RunQueues {
    fn get(&mut self, kind: Kind) -> &mut Queue {
        match kind {
            Kind::Tasks => &mut self.tasks,
            Kind::Results => &mut self.results,
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Tasks,
    Results,
}

/// The queues of a run, whether they are there or not.
#[derive(Clone)]
pub(super) struct OfRun {
    pub(super) connection: Connection,
    pub(super) run: String,
}

impl OfRun {
    /// Does something with a queue, if it is there.
    fn with<T>(&self, kind: Kind, work: impl FnOnce(&mut Queue) -> T) -> Result<T, TransportError> {
        let queues =
            self.connection.contents()?.queues.get_mut(&self.run).map(|queues| work(queues.get(kind)));
        queues.ok_or_else(|| missing("queue"))
    }

    /// Publishes a message; none if there is no room.
    fn push(&self, kind: Kind, epoch: u64, id: &str, payload: Bytes) -> Result<Option<u64>, TransportError> {
        let push = |contents: &mut Contents| {
            let sequence = contents.next();
            let queues = contents.queues.get_mut(&self.run).ok_or_else(|| missing("queue"))?;
            Ok(queues.get(kind).push(sequence, epoch, id, payload))
        };
        self.connection.change(push)?
    }

    /// Waits for the next message; none after the end.
    async fn next(
        &self,
        kind: Kind,
        epoch: Option<u64>,
        end: Option<Instant>,
    ) -> Result<Option<Taken>, TransportError> {
        let mut changes = self.connection.changes();
        loop {
            let until = match self.with(kind, |queue| queue.take(epoch, Instant::now()))? {
                Ok(taken) => return Ok(Some(taken)),
                Err(until) => until,
            };
            if end.is_some_and(|end| end <= Instant::now()) {
                return Ok(None);
            }
            match until.into_iter().chain(end).min() {
                Some(until) => drop(timeout_at(until, changes.changed()).await),
                None => drop(changes.changed().await),
            }
        }
    }

    /// At most `most` messages as they come, until the end.
    fn deliveries(
        &self,
        kind: Kind,
        epoch: Option<u64>,
        most: usize,
        end: Option<Instant>,
    ) -> DeliveryStream {
        let deliveries = try_unfold((self.clone(), most), move |(this, most)| async move {
            if most == 0 {
                return Ok(None);
            }
            let Some(Taken { sequence, payload, deliveries }) = this.next(kind, epoch, end).await? else {
                return Ok(None);
            };
            let receipt = Arc::new(Delivered { queues: this.clone(), kind, sequence });
            Ok(Some((Delivery { payload, deliveries, receipt }, (this, most - 1))))
        });
        deliveries.boxed()
    }
}

#[async_trait]
impl Queues for OfRun {
    async fn make(&self, _: u64, ack_wait: Duration) -> Result<usize, TransportError> {
        let make = |contents: &mut Contents| {
            let made = || RunQueues { tasks: Queue::new(ack_wait), results: Queue::new(RESULT_WAIT) };
            contents.queues.entry(self.run.clone()).or_insert_with(made);
        };
        self.connection.change(make)?;
        Ok(QUEUE_BYTES)
    }

    async fn remove(&self) {
        let _ = self.connection.change(|contents| contents.queues.remove(&self.run));
    }

    async fn publish_task(&self, epoch: u64, id: &str, task: Bytes) -> Published {
        match self.push(Kind::Tasks, epoch, id, task) {
            Ok(Some(sequence)) => Published::At(sequence),
            Err(TransportError::Missing(_)) => Published::NoQueue,
            Ok(None) | Err(_) => Published::Refused,
        }
    }

    async fn has_task(&self, sequence: u64, id: &str) -> Option<bool> {
        match self.with(Kind::Tasks, |tasks| tasks.has(sequence, id)) {
            Ok(found) => Some(found),
            Err(TransportError::Missing(_)) => Some(false),
            Err(_) => None,
        }
    }

    async fn results(&self, epoch: u64) -> Option<DeliveryStream> {
        self.with(Kind::Results, |_| ()).ok()?;
        Some(self.deliveries(Kind::Results, Some(epoch), usize::MAX, None))
    }

    async fn tasks(&self) -> Option<Box<dyn TaskQueue>> {
        self.with(Kind::Tasks, |_| ()).ok()?;
        Some(Box::new(self.clone()))
    }

    async fn send_result(&self, epoch: u64, id: &str, part: Bytes) -> BoxFuture<'static, bool> {
        self.connection.count_result();
        let kept = matches!(self.push(Kind::Results, epoch, id, part), Ok(Some(_)));
        ready(kept).boxed()
    }

    async fn waiting(&self) -> (Option<u64>, Option<u64>) {
        let length = |kind| self.with(kind, |queue| queue.len() as u64).ok();
        (length(Kind::Tasks), length(Kind::Results))
    }
}

#[async_trait]
impl TaskQueue for OfRun {
    async fn ask(&self, most: usize, wait: Duration) -> Option<DeliveryStream> {
        self.with(Kind::Tasks, |_| ()).ok()?;
        Some(self.deliveries(Kind::Tasks, None, most, Some(Instant::now() + wait)))
    }
}

struct Delivered {
    queues: OfRun,
    kind: Kind,
    sequence: u64,
}

#[async_trait]
impl Receipt for Delivered {
    async fn reply(&self, reply: Reply) {
        let Self { queues: OfRun { connection, run }, kind, sequence } = self;
        // The queue may be gone, or the connection.
        let _ = connection.change(|contents| {
            if let Some(queues) = contents.queues.get_mut(run) {
                queues.get(*kind).reply(*sequence, reply, Instant::now());
            }
        });
    }
}
