//! What a worker does for one run: it takes the run's tasks, as many as it has room for, until the run is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::declined::Declined;
use super::segment::Segment;
use super::shared::Shared;
use crate::cluster::description::{Run, Stage};
use crate::cluster::protocol::leases::Leases;
use crate::cluster::transport::{Queues, RETRY_WAIT, Receipt, TaskQueue};

/// How often the protocol looks at the time.
const TICK: Duration = Duration::from_millis(100);

/// How long the broker keeps a request for tasks before it is asked again.
const ASK: Duration = Duration::from_secs(5);

/// What the broker has given to a worker that leaves is here within this time.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// Tasks that are asked for at once.
const MOST_ASKED: usize = 8;

/// How long before the description of its run a task may come.
const NEWS: Duration = Duration::from_secs(5);

/// What this worker declines it looks at again after this time, unless another one has it.
pub(super) const LATER: Duration = Duration::from_secs(2);

/// What a worker has of one run.
pub(super) struct RunWorker {
    pub(super) shared: Arc<Shared>,
    pub(super) name: String,
    pub(super) queues: Arc<dyn Queues>,
    pub(super) run: watch::Receiver<Run>,
    leases: Mutex<Leases<Arc<dyn Receipt>>>,
    /// The functions of its segments, of one host.
    segments: tokio::sync::Mutex<(u64, HashMap<u32, Segment>)>,
    began: Instant,
}

impl RunWorker {
    pub(super) fn new(shared: Arc<Shared>, name: &str, run: watch::Receiver<Run>) -> Arc<Self> {
        let ack_wait = Duration::from_millis(run.borrow().ack_wait);
        Arc::new(Self {
            queues: shared.transport.queues(name),
            name: name.to_owned(),
            shared,
            run,
            leases: Mutex::new(Leases::new(ack_wait)),
            segments: tokio::sync::Mutex::default(),
            began: Instant::now(),
        })
    }

    pub(super) fn leases(&self) -> MutexGuard<'_, Leases<Arc<dyn Receipt>>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn is_gone(&self) -> bool {
        self.run.has_changed().is_err()
    }

    /// Waits until the run is gone.
    async fn gone(&self) {
        let mut run = self.run.clone();
        while run.changed().await.is_ok() {}
    }

    /// Serves the run until it is gone, or the worker leaves.
    pub(super) async fn serve(self: Arc<Self>) {
        self.shared.on_notice.tell(&format!("serving the run {}", self.name));
        let stop = CancellationToken::new();
        let ticks = tokio::spawn(self.clone().ticks(stop.clone()));
        let mut tasks = JoinSet::new();
        tokio::select! {
            () = self.gone() => {}
            () = self.take(&mut tasks) => {}
        }
        tokio::select! {
            // What is under way is not wanted any more.
            () = self.gone() => tasks.abort_all(),
            () = async { while tasks.join_next().await.is_some() {} } => {}
        }
        while tasks.join_next().await.is_some() {}
        // What has a result is still to be published.
        while !self.leases().is_empty() && !self.is_gone() {
            sleep(TICK).await;
        }
        stop.cancel();
        let _ = ticks.await;
        self.shared.on_notice.tell(&format!("done with the run {}", self.name));
    }

    /// Takes tasks until the worker leaves.
    async fn take(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        let leave = &self.shared.leave;
        while !leave.is_cancelled() {
            let mut run = self.run.clone();
            let known = run.borrow_and_update().clone();
            let admitted = known.segments.iter().flatten().try_for_each(|stage| self.shared.admit(stage));
            let is_refused = admitted.is_err();
            if let Err(reason) = admitted {
                self.shared.refuse(&self.name, reason.into());
            }
            // What is refused is left to other workers, unless the run changes. What has no function yet may not even
            // have its queues.
            if is_refused || known.segments.iter().all(Vec::is_empty) {
                match self.shared.unless_leaving(run.changed()).await {
                    Some(Ok(())) => continue,
                    _ => return,
                }
            }
            // A worker that can't have the plugins leaves the tasks alone.
            if let Err(declined) = self.prepare(&known).await {
                self.shared.refuse(&self.name, declined);
                self.shared.pause(LATER).await;
                continue;
            }
            self.shared.refused().remove(&*self.name);
            let Some(queue) = self.queues.tasks().await else {
                self.shared.pause(RETRY_WAIT).await;
                continue;
            };
            while !leave.is_cancelled() && !run.has_changed().unwrap_or(true) {
                if !self.ask(&*queue, tasks).await {
                    self.shared.pause(RETRY_WAIT).await;
                    break;
                }
            }
        }
    }

    /// Makes the functions of all segments ready that are known.
    async fn prepare(&self, run: &Run) -> Result<(), Declined> {
        for (index, stages) in (0..).zip(&run.segments) {
            if !stages.is_empty() {
                self.segment(index, run.epoch).await?;
            }
        }
        Ok(())
    }

    /// Asks for as many tasks as there are free permits, and begins those that come. Says whether the broker was
    /// there.
    async fn ask(self: &Arc<Self>, queue: &dyn TaskQueue, tasks: &mut JoinSet<()>) -> bool {
        let concurrency = &self.shared.concurrency;
        if self.leases().len() > 2 * concurrency.all() {
            // Results do not leave.
            self.shared.pause(TICK).await;
            return true;
        }
        // No permit is held while it waits: another run's tasks may need it meanwhile. A task too many waits.
        let Some(_) = self.shared.unless_leaving(concurrency.take()).await else { return true };
        let free = concurrency.free().clamp(1, MOST_ASKED);
        let Some(mut deliveries) = queue.ask(free, ASK).await else { return false };
        loop {
            let delivery = match self.shared.unless_leaving(deliveries.next()).await {
                Some(delivery) => delivery,
                // What is here already, or on its way, is still done: no other worker would have it before its time.
                None => timeout(ON_ITS_WAY, deliveries.next()).await.ok().flatten(),
            };
            while tasks.try_join_next().is_some() {}
            match delivery {
                Some(Ok(delivery)) => drop(tasks.spawn(self.clone().work_on(delivery))),
                Some(Err(_)) => return false,
                None => return true,
            }
        }
    }

    /// The functions of a segment, made ready the first time.
    pub(super) async fn segment(&self, index: u32, epoch: u64) -> Result<Segment, Declined> {
        let stages = self.stages(index, epoch).await?;
        let mut segments = self.segments.lock().await;
        if segments.0 < epoch {
            *segments = (epoch, HashMap::new());
        }
        if let Some(segment) = segments.1.get(&index).filter(|_| segments.0 == epoch) {
            return Ok(segment.clone());
        }
        let segment = Segment::open(&self.shared, stages).await?;
        segments.1.insert(index, segment.clone());
        self.shared.refused().remove(&*self.name);
        Ok(segment)
    }

    /// What is said of a segment's functions, which may come later than a task.
    async fn stages(&self, index: u32, epoch: u64) -> Result<Vec<Stage>, Declined> {
        let mut run = self.run.clone();
        let is_known = |run: &Run| {
            let told = run.segments.get(index as usize).is_some_and(|stages| !stages.is_empty());
            run.epoch > epoch || (run.epoch == epoch && told)
        };
        let known = timeout(NEWS, run.wait_for(is_known)).await;
        let known = known.ok().and_then(Result::ok).filter(|run| run.epoch == epoch);
        let known = known.map(|run| run.segments[index as usize].clone());
        known.ok_or_else(|| "received no description of the run".to_owned().into())
    }

    /// Tells the protocol that time passes, and does what it wants.
    async fn ticks(self: Arc<Self>, stop: CancellationToken) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut epoch = self.run.borrow().epoch;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            let (latest, ack_wait) = {
                let run = self.run.borrow();
                (run.epoch, Duration::from_millis(run.ack_wait))
            };
            if latest > epoch {
                // Another host has taken over: what was done for the one before is of no use.
                epoch = latest;
                drop(self.leases().reset(ack_wait));
            }
            let acts = self.leases().tick(self.now());
            self.act(acts).await;
        }
    }
}
