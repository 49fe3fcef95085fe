//! What the host asks of the broker: each question is an errand, whose answer comes back to the dispatcher's loop.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, FuturesUnordered};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Mutex;

use super::in_flight_task::InFlightTask;
use super::registry::Registry;
use crate::Error;
use crate::cluster::description::Stage;
use crate::cluster::protocol::wire::{Task, task_id};
use crate::cluster::transport::{
    Change, DeliveryStream, Published, Queues, Receipt, Reply, Table, Transport, TransportError,
};
use crate::executor::{Executor, SegmentResult, run_segment};
use crate::plugin::FunctionCore;

/// Changes of the table of workers.
pub(super) type Presences = BoxStream<'static, Result<Change, TransportError>>;

/// What came of an errand.
pub(super) enum Answer {
    /// What came of publishing a task.
    Published { task: u64, attempt: u32, published: Published },
    /// Whether the broker still has a task.
    Looked { task: u64, attempt: u32, found: bool },
    /// A task that is too large for the broker was done here.
    Here(Box<(InFlightTask, Result<SegmentResult, Error>)>),
    /// Whether the run's queues could be made again.
    Made(Result<(), TransportError>),
    /// Workers were told of a segment.
    Told(Result<usize, Error>),
    /// The broker was told that this host lives.
    Beat(Result<(), Error>),
    /// A subscription to results; none if it failed.
    Results(Option<DeliveryStream>),
    /// A subscription to what workers say; none if it failed.
    Presences(Option<Presences>),
    /// Nothing that the loop has to know.
    Nothing,
}

/// Errands that are under way.
pub(super) struct Errands {
    transport: Arc<dyn Transport>,
    queues: Arc<dyn Queues>,
    registry: Arc<Mutex<Registry>>,
    epoch: u64,
    under_way: FuturesUnordered<BoxFuture<'static, Answer>>,
}

impl Errands {
    pub(super) fn new(
        transport: Arc<dyn Transport>,
        queues: Arc<dyn Queues>,
        registry: Arc<Mutex<Registry>>,
        epoch: u64,
    ) -> Self {
        Self { transport, queues, registry, epoch, under_way: FuturesUnordered::new() }
    }

    /// The next answer; none if no errand is under way.
    pub(super) async fn next(&mut self) -> Option<Answer> {
        self.under_way.next().await
    }

    /// Gives up all errands.
    pub(super) fn clear(&mut self) {
        self.under_way.clear();
    }

    fn begin(&self, errand: impl Future<Output = Answer> + Send + 'static) {
        self.under_way.push(errand.boxed());
    }

    /// Publishes a task.
    pub(super) fn publish(&self, message: Task) {
        let queues = self.queues.clone();
        self.begin(async move {
            let Task { epoch, task, attempt, .. } = message;
            let id = task_id(epoch, task, attempt);
            let published = queues.publish_task(epoch, &id, message.encode()).await;
            Answer::Published { task, attempt, published }
        });
    }

    /// Asks whether the broker still has a task.
    pub(super) fn look(&self, task: u64, attempt: u32, sequence: u64) {
        let (queues, id) = (self.queues.clone(), task_id(self.epoch, task, attempt));
        self.begin(async move {
            match queues.has_task(sequence, &id).await {
                Some(found) => Answer::Looked { task, attempt, found },
                None => Answer::Nothing,
            }
        });
    }

    /// Acknowledges a message. If that is lost the message comes again, and is acknowledged then.
    pub(super) fn acknowledge(&self, receipt: Arc<dyn Receipt>) {
        self.begin(async move {
            receipt.reply(Reply::Done).await;
            Answer::Nothing
        });
    }

    /// Asks for results as they come, after a while.
    pub(super) fn ask_for_results(&self, after: Duration) {
        let (queues, epoch) = (self.queues.clone(), self.epoch);
        self.begin(async move {
            tokio::time::sleep(after).await;
            Answer::Results(queues.results(epoch).await)
        });
    }

    /// Asks for what workers say, after a while.
    pub(super) fn ask_for_presences(&self, after: Duration) {
        let transport = self.transport.clone();
        self.begin(async move {
            tokio::time::sleep(after).await;
            match transport.table(Table::Workers).await {
                Ok(workers) => Answer::Presences(workers.watch().await),
                Err(_) => Answer::Presences(None),
            }
        });
    }

    /// Makes the run's queues, unless they are there.
    pub(super) fn make_queues(&self, ack_wait: Duration) {
        let (queues, epoch) = (self.queues.clone(), self.epoch);
        self.begin(async move { Answer::Made(queues.make(epoch, ack_wait).await.map(drop)) });
    }

    /// Tells workers of a segment, and uploads its plugins.
    pub(super) fn tell(&self, index: usize, stages: Vec<Stage>, cores: Vec<Arc<FunctionCore>>) {
        let registry = self.registry.clone();
        self.begin(async move {
            let uploader = registry.lock().await.uploader();
            let told = async {
                uploader.upload_all(&cores).await?;
                registry.lock().await.add(index, stages, &cores).await?;
                // A clean-up may have removed them that did not see yet that they are wanted.
                uploader.upload_all(&cores).await
            };
            Answer::Told(told.await.map(|()| index))
        });
    }

    /// Says that this host lives and how far the run is, and looks whether another host has taken over.
    pub(super) fn beat(&self, done: u64) {
        let registry = self.registry.clone();
        self.begin(async move { Answer::Beat(registry.lock().await.beat(done).await) });
    }

    /// Does a task on this machine.
    pub(super) fn run_here(&self, executor: Arc<dyn Executor>, task: InFlightTask) {
        let (stages, batch) = (task.segment.stages.clone(), task.work.batch.clone());
        self.begin(async move {
            let whole = run_segment(&executor, &stages, batch, || ()).await;
            Answer::Here(Box::new((task, whole)))
        });
    }
}
