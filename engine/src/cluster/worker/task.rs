//! One task on a worker: taken up, run, and its result published.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::declined::Declined;
use super::run::{LATER, RunWorker};
use super::segment::Segment;
use super::shared::Shared;
use crate::cluster::protocol::leases::{Act, Judged, judge};
use crate::cluster::protocol::wire::{Outcome, PART_BYTES, ResultPart, Task};
use crate::cluster::random::random;
use crate::cluster::transport::{Delivery, Receipt, Reply};
use crate::executor::{Executor, SegmentResult, run_segment};

/// A message has no more bytes beside its part of a result.
const HEADER: usize = 1 << 10;

impl RunWorker {
    /// Does a task, as far as it is one.
    pub(super) async fn work_on(self: Arc<Self>, delivery: Delivery) {
        let Delivery { payload, deliveries, receipt } = delivery;
        let task = match Task::decode(&payload) {
            Ok(task) => task,
            Err(error) => {
                self.shared.on_notice.tell(&format!("a task of the run {} is refused: {error}", self.name));
                // The host misses it, and hands it out again.
                return receipt.reply(Reply::Unreadable).await;
            }
        };
        drop(payload);
        let key = self.leases().take(receipt.clone(), self.now());
        let mut lease = Lease { run: &self, key, done: false };
        let segment = self.segment(task.segment, task.epoch).await;
        let _permit = self.shared.concurrency.take().await;
        let judged = judge(task.epoch, self.run.borrow().epoch, deliveries);
        if judged == Judged::Stale {
            return receipt.reply(Reply::Done).await;
        }
        let busy = Busy::new(&self.shared);
        let records = task.batch.len() as u64;
        let acts = match self.result_of(key, segment, task, judged).await {
            Ok(parts) => {
                // From now on the lease ends with what the broker says of the result.
                lease.done = true;
                self.leases().finished(key, parts, self.now())
            }
            Err(declined) => {
                self.shared.refuse(&self.name, declined);
                return receipt.reply(Reply::Later(LATER)).await;
            }
        };
        drop(busy);
        self.shared.tasks.fetch_add(1, Relaxed);
        self.shared.records.fetch_add(records, Relaxed);
        self.shared.refused().remove(&*self.name);
        self.act(acts).await;
    }

    /// Runs a task, and returns its result in parts.
    async fn result_of(
        &self,
        key: u64,
        segment: Result<Segment, Declined>,
        task: Task,
        judged: Judged,
    ) -> Result<Vec<ResultPart>, Declined> {
        let (epoch, number, begun) = (task.epoch, task.task, Instant::now());
        let segment = segment?;
        let whole = self.run_task(key, &segment, task, judged).await?;
        let outcome = Outcome {
            worker: self.shared.options.name.as_str().into(),
            nanos: u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX),
            whole,
            used: segment.used(),
            printed: segment.take_printed(),
        };
        Ok(ResultPart::cut(epoch, number, random(), &outcome.encode(), self.part_bytes()))
    }

    /// How many bytes of a result a message has: fewer if the broker takes no longer ones.
    fn part_bytes(&self) -> usize {
        self.shared.transport.most_bytes().saturating_sub(HEADER).clamp(1, PART_BYTES)
    }

    async fn run_task(
        &self,
        key: u64,
        segment: &Segment,
        task: Task,
        judged: Judged,
    ) -> Result<SegmentResult, Declined> {
        let options = &self.shared.options;
        // Another task's record may be before each of these on all threads.
        let turns = u32::try_from(self.shared.concurrency.least()).unwrap_or(u32::MAX).saturating_add(1);
        let longest = segment.longest.saturating_mul(turns);
        let advance = || self.leases().run(key, self.now() + longest);
        advance();
        if let Some(isolation) = options.isolation.as_ref().filter(|_| judged == Judged::Isolate) {
            return isolation.run(&options.folder, segment, &task, advance).await;
        }
        let executor: Arc<dyn Executor> = Arc::new(options.pool.clone());
        let whole = run_segment(&executor, &segment.stages, task.batch, advance).await;
        whole.map_err(|error| Declined::because(error.to_string(), error))
    }

    /// Does what the protocol wants to have done.
    pub(super) async fn act(self: &Arc<Self>, acts: Vec<Act<Arc<dyn Receipt>>>) {
        for act in acts {
            match act {
                Act::Progress { key } => {
                    let receipt = self.leases().token(key).cloned();
                    if let Some(receipt) = receipt {
                        receipt.reply(Reply::InProgress).await;
                    }
                }
                Act::Publish { key, part } => self.publish(key, part).await,
                // If that is lost, the task comes again, and its result is dropped.
                Act::Acknowledge(receipt) => receipt.reply(Reply::Done).await,
            }
        }
    }

    async fn publish(self: &Arc<Self>, key: u64, part: ResultPart) {
        let kept = self.queues.send_result(part.epoch, &part.id(), part.encode()).await;
        let (this, part) = (self.clone(), part.part);
        tokio::spawn(async move {
            let act = if kept.await {
                this.leases().kept(key, part)
            } else {
                this.leases().refused(key, part, this.now());
                None
            };
            if let Some(Act::Acknowledge(receipt)) = act {
                receipt.reply(Reply::Done).await;
            }
        });
    }
}

/// Gives a lease up that is dropped before the task has a result.
struct Lease<'a> {
    run: &'a RunWorker,
    key: u64,
    done: bool,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.run.leases().let_go(self.key);
        }
    }
}

/// Counts a task that is being run.
struct Busy<'a>(&'a Shared);

impl<'a> Busy<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.busy.fetch_add(1, Relaxed);
        Self(shared)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Relaxed);
    }
}
