//! What a worker has of one run: it takes the run's tasks, does them, and owes their results.

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, AckKind};
use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::Print;
use crate::cluster::nats::subjects::{Durability, RETRY_WAIT, Subjects, WORKERS_CONSUMER};
use crate::cluster::protocol::leases::{Act, Judged, Leases, judge};
use crate::cluster::protocol::wire::{Outcome, PART_BYTES, ResultPart, Task};
use crate::cluster::run::{Run, Stage};
use crate::cluster::worker::admission::Admission;
use crate::cluster::worker::process::{Declined, Shared};
use crate::executor::{Executor, SegmentResult, Terms, most_bytes, run_segment};
use crate::function::Tally;
use crate::plugin::{Core, Messages, OnPrint};
use crate::record::Batch;

/// The protocol looks at the time so often.
const TICK: Duration = Duration::from_millis(100);

/// The broker keeps a request for tasks for so long before it is asked anew.
const ASK: Duration = Duration::from_secs(5);

/// What the broker has given to a worker that leaves is here within this time.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// So many tasks are asked for at once.
const MOST_ASKED: usize = 8;

/// A task may come so long before what is said of its run.
const NEWS: Duration = Duration::from_secs(5);

/// What this worker can't do now it is given again after this time, unless another one has it.
const LATER: Duration = Duration::from_secs(2);

/// A message has no more bytes beside its part of a result.
const HEADER: usize = 1 << 10;

/// What is not part of a record's own time, but of its task's.
const SLACK: Duration = Duration::from_secs(2);

type Message = Arc<jetstream::Message>;

/// What a worker has of one run.
pub(in crate::cluster) struct RunWorker {
    shared: Arc<Shared>,
    subjects: Subjects,
    run: watch::Receiver<Run>,
    leases: Mutex<Leases<Message>>,
    /// The functions of its segments, of one host.
    segments: tokio::sync::Mutex<(u64, HashMap<u32, Segment>)>,
    began: Instant,
}

#[derive(Clone)]
pub(in crate::cluster) struct Segment {
    stages: Vec<Arc<Core>>,
    /// What was said of them when they were let in.
    pub(in crate::cluster) described: Vec<Stage>,
    /// How long a record may take, with all that belongs to it.
    pub(in crate::cluster) longest: Duration,
    printed: Printed,
}

/// What functions printed and the host has not heard yet.
type Printed = Arc<Mutex<Vec<(usize, String)>>>;

impl Segment {
    fn terms(&self) -> Vec<Terms> {
        self.stages.iter().map(|core| Terms::of(core)).collect()
    }

    /// How many bytes a result of it may have.
    pub(in crate::cluster) fn most_bytes(&self) -> usize {
        most_bytes(&self.terms())
    }

    /// Whether another process can have made this of a batch.
    pub(in crate::cluster) fn check(&self, whole: &SegmentResult, batch: &Batch) -> Result<(), &'static str> {
        whole.check(batch, &self.terms())
    }

    /// Its functions used that in another process.
    pub(in crate::cluster) fn note_used(&self, used: &[Tally]) {
        for (core, used) in self.stages.iter().zip(used) {
            core.usage.add(used);
        }
    }

    /// A function printed a line in another process.
    pub(in crate::cluster) fn note_print(&self, stage: usize, line: &[u8]) {
        if let Some(core) = self.stages.get(stage) {
            core.opening.messages.show(line);
        }
    }
}

impl RunWorker {
    pub(in crate::cluster) fn new(shared: Arc<Shared>, name: &str, run: watch::Receiver<Run>) -> Arc<Self> {
        let ack_wait = Duration::from_millis(run.borrow().ack_wait);
        Arc::new(Self {
            subjects: Subjects::new(name, Durability::default()),
            shared,
            run,
            leases: Mutex::new(Leases::new(ack_wait)),
            segments: tokio::sync::Mutex::default(),
            began: Instant::now(),
        })
    }

    fn leases(&self) -> MutexGuard<'_, Leases<Message>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn is_gone(&self) -> bool {
        self.run.has_changed().is_err()
    }

    /// Serves the run until it is gone, or the worker leaves.
    pub(in crate::cluster) async fn serve(self: Arc<Self>) {
        (self.shared.told)(&format!("serving the run {}", self.subjects.run));
        let stop = CancellationToken::new();
        let ticks = tokio::spawn(self.clone().ticks(stop.clone()));
        let mut tasks = JoinSet::new();
        let mut run = self.run.clone();
        tokio::select! {
            () = async { while run.changed().await.is_ok() {} } => {}
            () = self.take(&mut tasks) => {}
        }
        let mut gone = self.run.clone();
        tokio::select! {
            // Nobody wants what is under way.
            () = async { while gone.changed().await.is_ok() {} } => tasks.abort_all(),
            () = async { while tasks.join_next().await.is_some() {} } => {}
        }
        while tasks.join_next().await.is_some() {}
        // What has a result is still to be published.
        while !self.leases().is_empty() && !self.is_gone() {
            sleep(TICK).await;
        }
        stop.cancel();
        let _ = ticks.await;
        (self.shared.told)(&format!("done with the run {}", self.subjects.run));
    }

    /// Takes tasks until the worker leaves.
    async fn take(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        let leaving = &self.shared.leaving;
        while !leaving.is_cancelled() {
            let mut run = self.run.clone();
            let admitted =
                run.borrow_and_update().segments.iter().flatten().try_for_each(|stage| self.admit(stage));
            let (epoch, segments) = {
                let run = run.borrow();
                (run.epoch, run.segments.iter().map(Vec::len).collect::<Vec<_>>())
            };
            if let Err(reason) = &admitted {
                self.shared.refuse(&self.subjects.run, reason);
            }
            // What is refused is left to others, unless it wants something else later. What has no function yet may
            // not even have its streams.
            if admitted.is_err() || segments.iter().all(|stages| *stages == 0) {
                match self.shared.unless_leaving(run.changed()).await {
                    Some(Ok(())) => continue,
                    _ => return,
                }
            }
            // Who can't have its plugins leaves its tasks alone.
            if let Err(Declined(reason)) = self.prepare(epoch, &segments).await {
                self.shared.refuse(&self.subjects.run, &reason);
                self.shared.pause(LATER).await;
                continue;
            }
            self.shared.refused().remove(&*self.subjects.run);
            let stream = self.subjects.tasks();
            let consumer = self.shared.context.get_consumer_from_stream(WORKERS_CONSUMER, stream).await;
            let Ok(consumer) = consumer else {
                self.shared.pause(RETRY_WAIT).await;
                continue;
            };
            while !leaving.is_cancelled() && !run.has_changed().unwrap_or(true) {
                if !self.ask(&consumer, tasks).await {
                    self.shared.pause(RETRY_WAIT).await;
                    break;
                }
            }
        }
    }

    /// Makes the functions of all segments ready that are known.
    async fn prepare(&self, epoch: u64, segments: &[usize]) -> Result<(), Declined> {
        for (index, stages) in (0..).zip(segments) {
            if *stages > 0 {
                self.segment(index, epoch).await?;
            }
        }
        Ok(())
    }

    /// Asks for as many tasks as there are free permits, and begins those that come. Says whether the broker was
    /// there.
    async fn ask(self: &Arc<Self>, consumer: &PullConsumer, tasks: &mut JoinSet<()>) -> bool {
        let concurrency = &self.shared.concurrency;
        if self.leases().len() > 2 * concurrency.all() {
            // Results do not leave.
            self.shared.pause(TICK).await;
            return true;
        }
        // Nothing is held while it waits: another run's tasks may need it meanwhile. What comes too much waits.
        let Some(_) = self.shared.unless_leaving(concurrency.take()).await else { return true };
        let free = concurrency.free().clamp(1, MOST_ASKED);
        let asked = consumer.batch().max_messages(free).expires(ASK).messages().await;
        let Ok(mut batch) = asked else { return false };
        loop {
            let message = match self.shared.unless_leaving(batch.next()).await {
                Some(message) => message,
                // What is here already, or on its way, is still done: nobody else would have it before its time.
                None => timeout(ON_ITS_WAY, batch.next()).await.ok().flatten(),
            };
            while tasks.try_join_next().is_some() {}
            match message {
                Some(Ok(message)) => drop(tasks.spawn(self.clone().work_on(message))),
                Some(Err(_)) => return false,
                None => return true,
            }
        }
    }

    /// Whether a function may be run here, and if not, why.
    fn admit(&self, stage: &Stage) -> Result<(), String> {
        let worker = &self.shared.worker;
        Admission { limits: worker.pool.shared().limits(), allowed: &worker.allowed }.check(stage)
    }

    /// Does a task, as far as it is one.
    async fn work_on(self: Arc<Self>, message: jetstream::Message) {
        let deliveries = message.info().map_or(1, |info| u64::try_from(info.delivered).unwrap_or(1));
        let task = match Task::decode(&message.payload) {
            Ok(task) => task,
            Err(error) => {
                (self.shared.told)(&format!("a task of the run {} is refused: {error}", self.subjects.run));
                // The host misses it, and gives it out again.
                let _ = message.ack_with(AckKind::Term).await;
                return;
            }
        };
        let message = Arc::new(message);
        let key = self.leases().take(message.clone(), self.now());
        let mut owed = Owed { serving: &self, key, done: false };
        let segment = self.segment(task.segment, task.epoch).await;
        let _permit = self.shared.concurrency.take().await;
        let judged = judge(task.epoch, self.run.borrow().epoch, deliveries);
        if judged == Judged::Stale {
            let _ = message.ack().await;
            return;
        }
        let busy = Busy::new(&self.shared);
        let (epoch, number, records) = (task.epoch, task.task, task.batch.len() as u64);
        let begun = Instant::now();
        let done = match segment {
            Ok(segment) => self.run(key, &segment, task, judged).await.map(|whole| (whole, segment)),
            Err(left) => Err(left),
        };
        let (whole, segment) = match done {
            Ok(done) => done,
            Err(Declined(reason)) => {
                self.shared.refuse(&self.subjects.run, &reason);
                let _ = message.ack_with(AckKind::Nak(Some(LATER))).await;
                return;
            }
        };
        let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let body = self.outcome(nanos, whole, &segment).encode();
        let parts = ResultPart::cut(epoch, number, crate::cluster::random(), &body, self.part_bytes());
        // From now on it is told by what the broker says.
        owed.done = true;
        let acts = self.leases().finished(key, parts, self.now());
        drop(busy);
        self.shared.tasks.fetch_add(1, Relaxed);
        self.shared.records.fetch_add(records, Relaxed);
        self.shared.refused().remove(&*self.subjects.run);
        self.act(acts).await;
    }

    fn outcome(&self, nanos: u64, whole: SegmentResult, segment: &Segment) -> Outcome {
        let worker = self.shared.worker.name.as_str().into();
        let used = segment.stages.iter().map(|core| core.usage.tally()).collect();
        let printed = std::mem::take(&mut *lock(&segment.printed));
        Outcome { worker, nanos, whole, used, printed }
    }

    /// How many bytes of a result a message has: fewer if the broker takes no longer ones.
    fn part_bytes(&self) -> usize {
        let most = self.shared.context.client().server_info().max_payload;
        most.saturating_sub(HEADER).clamp(1, PART_BYTES)
    }

    /// The functions of a segment, made ready the first time.
    async fn segment(&self, index: u32, epoch: u64) -> Result<Segment, Declined> {
        let stages = self.stages(index, epoch).await?;
        let mut segments = self.segments.lock().await;
        if segments.0 < epoch {
            *segments = (epoch, HashMap::new());
        }
        if let Some(segment) = segments.1.get(&index).filter(|_| segments.0 == epoch) {
            return Ok(segment.clone());
        }
        // It was asked for before this segment was known.
        stages.iter().try_for_each(|stage| self.admit(stage)).map_err(Declined)?;
        let printed = Printed::default();
        let mut cores = Vec::with_capacity(stages.len());
        for (place, stage) in stages.iter().enumerate() {
            let plugin = self.shared.plugin(&stage.plugin, stage.size).await?;
            let on_print = self.on_print(place, &printed);
            cores.push(open(&plugin, stage, on_print).map_err(Declined)?);
        }
        let longest = stages.iter().map(Stage::longest).sum::<Duration>() + SLACK;
        let segment = Segment { stages: cores, described: stages, longest, printed };
        segments.1.insert(index, segment.clone());
        self.shared.refused().remove(&*self.subjects.run);
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
        known.ok_or_else(|| Declined("what is said of it does not come".to_owned()))
    }

    /// What functions print is told here, and to the host with the next result.
    fn on_print(&self, stage: usize, printed: &Printed) -> OnPrint {
        let (here, printed) = (self.shared.worker.pool.shared().on_print(), printed.clone());
        Arc::new(move |print: Print| {
            lock(&printed).push((stage, print.line.clone().into()));
            here(print);
        })
    }

    async fn run(
        &self,
        key: u64,
        segment: &Segment,
        task: Task,
        judged: Judged,
    ) -> Result<SegmentResult, Declined> {
        // Another task's record may be before each of these on all threads.
        let turns = u32::try_from(self.shared.concurrency.least()).unwrap_or(u32::MAX).saturating_add(1);
        let longest = segment.longest.saturating_mul(turns);
        let advance = || self.leases().run(key, self.now() + longest);
        advance();
        let isolation = self.shared.worker.isolation.as_ref().filter(|_| judged == Judged::Isolate);
        if let Some(isolation) = isolation {
            return isolation.run(&self.shared.worker.folder, segment, &task, advance).await;
        }
        let executor: Arc<dyn Executor> = Arc::new(self.shared.worker.pool.clone());
        let whole = run_segment(&executor, &segment.stages, task.batch, advance).await;
        whole.map_err(|error| Declined(error.to_string()))
    }

    /// What the protocol wants to have done.
    async fn act(self: &Arc<Self>, acts: Vec<Act<Message>>) {
        for act in acts {
            match act {
                Act::Progress { key } => {
                    let message = self.leases().token(key).cloned();
                    if let Some(message) = message {
                        let _ = message.ack_with(AckKind::Progress).await;
                    }
                }
                Act::Publish { key, part } => self.publish(key, part).await,
                // If that is lost, the task comes again, and its result is dropped.
                Act::Acknowledge(message) => drop(message.ack().await),
            }
        }
    }

    async fn publish(self: &Arc<Self>, key: u64, part: ResultPart) {
        let subject = self.subjects.result_subject(part.epoch);
        let id = format!("{}.{}.{}.{}", part.epoch, part.task, part.nonce, part.part);
        let publish = PublishMessage::build().payload(part.encode()).message_id(id);
        let sent = self.shared.context.send_publish(subject, publish).await;
        let this = self.clone();
        let settle = async move {
            let kept = match sent {
                Ok(answer) => answer.await.is_ok(),
                Err(_) => false,
            };
            let act = if kept {
                this.leases().kept(key, part.part)
            } else {
                this.leases().refused(key, part.part, this.now());
                None
            };
            if let Some(Act::Acknowledge(message)) = act {
                let _ = message.ack().await;
            }
        };
        tokio::spawn(settle);
    }

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
                // Another host has taken over: what was done for the one before is nobody's.
                epoch = latest;
                drop(self.leases().begin_anew(ack_wait));
            }
            let acts = self.leases().tick(self.now());
            self.act(acts).await;
        }
    }
}

/// A task that is given up midway is owed no more.
struct Owed<'a> {
    serving: &'a RunWorker,
    key: u64,
    done: bool,
}

impl Drop for Owed<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.serving.leases().let_go(self.key);
        }
    }
}

/// A task is at work.
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

/// A function as the host wants it to be run.
pub(in crate::cluster) fn open(
    plugin: &crate::Plugin,
    stage: &Stage,
    on_print: OnPrint,
) -> Result<Arc<Core>, String> {
    let capabilities = stage.capabilities.iter().filter_map(|text| text.parse().ok());
    let plugin = capabilities.fold(plugin.clone(), crate::Plugin::grant);
    let core = plugin.core(&stage.function, |opening| {
        opening.negated = stage.negated;
        opening.arguments.clone_from(&stage.arguments);
        opening.limits.timeout = stage.timeout;
        opening.limits.memory = stage.memory;
        opening.limits.output = stage.output;
        // It is the least of what the run and the worker have: nobody is refused for it.
        let messages = stage.messages.min(opening.limits.messages);
        opening.limits.messages = messages;
        opening.limits.isolation = stage.isolation;
        opening.messages = Messages::new(&stage.function, on_print, messages);
        opening.policy = stage.policy();
    });
    let core = core.map_err(|error| error.to_string())?;
    if core.kind() != stage.kind {
        return Err(format!("{} is {}, not {}", stage.function, core.kind(), stage.kind));
    }
    Ok(core)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
