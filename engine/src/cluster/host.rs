//! The host's end: takes work from segments, gives it to the broker, and takes what comes back.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::kv::{Operation, Store, Watch};
use async_nats::jetstream::message::{Acker, PublishMessage};
use async_nats::jetstream::{self, Context, ContextBuilder};
use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::ledger::{Act, Ledger};
use super::places::{self, BEAT, Durability, HOST_INBOX, HOSTS, Places, RUNS, SILENCE, WORKERS};
use super::run::{Run, Stage};
use super::wire::{Outcome, ResultPart, Task};
use super::worker::Presence;
use crate::plugin::{Core, MOST_BYTES};
use crate::pool::{Crew, Receipt, Segment, Work};
use crate::record::Batch;
use crate::{Broker, Error};

/// The protocol looks at the time so often.
const TICK: Duration = Duration::from_millis(100);

/// So many tasks may be out before it is known how many workers there are, and at most.
const FEWEST: usize = 16;
const MOST: usize = 4096;

/// Records of a segment that are out have at most about so many bytes.
const ROOM: usize = 64 << 20;

/// A task is as large as what a worker does in a time between these.
const FAST: Duration = Duration::from_millis(5);
const SLOW: Duration = Duration::from_millis(25);

/// How long it may take to clear up at the end.
const GOODBYE: Duration = Duration::from_secs(3);

/// Machines that a pool's segments run on: workers that any number of processes are, behind a NATS server.
///
/// Given to [`PoolBuilder::cluster`](crate::PoolBuilder::cluster). What is scattered over the pool then goes to
/// workers (`engine worker`, or a [`Worker`](crate::Worker)), and comes back in the order of emission; functions that
/// accumulate, and sinks, run here as ever.
#[derive(Clone, Debug)]
pub struct Cluster {
    broker: Broker,
    run: Option<String>,
    durability: Durability,
    ack_wait: Duration,
    timeout: Duration,
}

impl Cluster {
    /// Workers behind a broker.
    #[must_use]
    pub fn new(broker: Broker) -> Self {
        let (ack_wait, timeout) = (Duration::from_secs(5), Duration::from_secs(60));
        Self { broker, run: None, durability: Durability::default(), ack_wait, timeout }
    }

    /// What the run is called; a name that no other has, if not said. A host that begins a run of the same name as
    /// another one takes it over: the other one ends with an error. Of letters, digits, `-` and `_`.
    #[must_use]
    pub fn run(mut self, name: impl Into<String>) -> Self {
        self.run = Some(name.into());
        self
    }

    /// Tasks and results are kept in the broker's memory alone, not in its files. They are gone with it then, and
    /// the host hands out again what is lost.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.durability.memory = true;
        self
    }

    /// On how many of the broker's servers tasks and results are kept; 1, if not said.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.durability.replicas = replicas.max(1);
        self
    }

    /// A worker that has been silent about a task for so long has lost it: another one has it next. 5 s, if not
    /// said; workers that live say so three times as often.
    #[must_use]
    pub fn ack_wait(mut self, wait: Duration) -> Self {
        self.ack_wait = wait;
        self
    }

    /// A broker that can't be reached for so long ends the run; 60 s, if not said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Work that goes to a cluster.
pub(crate) struct ClusterCrew {
    link: Arc<Link>,
    thread: Option<JoinHandle<()>>,
}

/// What the crew and its thread share.
#[derive(Default)]
struct Link {
    /// Segments that have work, each once, in turn.
    ready: Mutex<VecDeque<Arc<Segment>>>,
    /// What results are acknowledged by that are out, and their bytes.
    out: Mutex<Vec<(Vec<Acker>, usize)>>,
    /// Either has more.
    bell: Notify,
    over: CancellationToken,
    failure: Mutex<Option<Error>>,
    /// How many tasks may be out.
    width: AtomicUsize,
}

impl ClusterCrew {
    /// Connects, and begins the run. Blocks until the broker has answered.
    pub(crate) fn join(cluster: Cluster) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("engine-cluster")
            .enable_all()
            .build();
        let thread = |source: std::io::Error| Error::Thread { source: Arc::new(source) };
        let runtime = runtime.map_err(thread)?;
        let link = Arc::new(Link { width: FEWEST.into(), ..Link::default() });
        let (told, begun) = sync_channel(1);
        let its = link.clone();
        let work = move || {
            runtime.block_on(async {
                let connected = Connected::to(cluster).await;
                let connected = match connected {
                    Ok(connected) => connected,
                    Err(error) => return drop(told.send(Err(error))),
                };
                let _ = told.send(Ok(()));
                // Nothing of the run is there before there is work: it may yet be found wrong.
                tokio::select! {
                    () = its.over.cancelled() => {}
                    () = its.bell.notified() => match Driver::begin(connected, its.clone()).await {
                        Ok(driver) => driver.run().await,
                        Err(error) => its.fail(&[], &error),
                    },
                }
            });
            runtime.shutdown_background();
        };
        let handle = thread::Builder::new().name("engine-cluster".into()).spawn(work).map_err(thread)?;
        begun.recv().unwrap_or(Err(Error::Panicked))?;
        Ok(Self { link, thread: Some(handle) })
    }
}

impl Crew for ClusterCrew {
    fn enlist(&self, segment: &Arc<Segment>) {
        if let Some(error) = &*self.link.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            return segment.fail(error.clone());
        }
        if segment.mark_listed() {
            self.link.ready().push_back(segment.clone());
        }
        self.link.bell.notify_one();
    }

    fn work_here(&self, _: &Arc<Segment>) -> bool {
        false
    }

    fn fitting(&self, stage: &Core, batch: &Batch, alone: bool) -> usize {
        let most = if alone { 1 } else { stage.pace.records() };
        most.min(batch.fitting(MOST_BYTES)).min(batch.len())
    }

    fn room(&self) -> usize {
        ROOM
    }
}

impl Drop for ClusterCrew {
    fn drop(&mut self) {
        self.link.over.cancel();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // It clears up, which does not take long.
            let _ = thread.join();
        }
    }
}

impl Link {
    /// Ends all segments, and those that come.
    fn fail(&self, segments: &[Weak<Segment>], error: &Error) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        let ready = std::mem::take(&mut *self.ready());
        for segment in segments.iter().filter_map(Weak::upgrade).chain(ready) {
            segment.fail(error.clone());
        }
    }

    fn out(&self) -> MutexGuard<'_, Vec<(Vec<Acker>, usize)>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self) -> MutexGuard<'_, VecDeque<Arc<Segment>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that is out.
struct Out {
    segment: Arc<Segment>,
    /// The segment's place among the run's.
    index: u32,
    work: Work,
}

/// What the broker answered.
enum Answer {
    Published {
        task: u64,
        attempt: u32,
        place: Option<u64>,
        missing: bool,
    },
    Looked {
        task: u64,
        attempt: u32,
        found: bool,
    },
    Unheard,
    /// Which host the run has, if it is known at all.
    Beat(Result<Option<u64>, async_nats::Error>),
}

/// The thread's side.
struct Driver {
    link: Arc<Link>,
    broker: Broker,
    context: Context,
    places: Places,
    durability: Durability,
    timeout: Duration,
    ack_wait: Duration,
    run: Run,
    /// Where the run stands in its bucket.
    revision: u64,
    runs: Store,
    hosts: Store,
    ledger: Ledger<Acker>,
    out: HashMap<u64, Out>,
    /// The run's segments, by their places. They hold the crew, which holds this thread.
    segments: Vec<Weak<Segment>>,
    /// Functions whose plugins workers need.
    functions: Vec<Arc<Core>>,
    answers: FuturesUnordered<BoxFuture<'static, Answer>>,
    began: Instant,
    heard: Instant,
    workers: HashMap<String, (usize, Instant)>,
}

/// Why a driver ends.
type Ended = Result<(), Error>;

/// A broker that answers, before anything of the run is there.
struct Connected {
    cluster: Cluster,
    name: String,
    context: Context,
}

impl Connected {
    async fn to(cluster: Cluster) -> Result<Self, Error> {
        let name = cluster.run.clone().unwrap_or_else(|| format!("run-{:016x}", super::random()));
        check_name(&name)?;
        let client = cluster.broker.connect(&format!("engine run {name}"), HOST_INBOX).await?;
        Ok(Self { name, context: context(client), cluster })
    }
}

impl Driver {
    async fn begin(connected: Connected, link: Arc<Link>) -> Result<Self, Error> {
        let Connected { cluster, name, context } = connected;
        let Cluster { broker, durability, ack_wait, timeout, .. } = cluster;
        let failed =
            |source: async_nats::Error| Error::Broker { address: broker.to_string(), source: source.into() };
        let runs = places::bucket(&context, RUNS, Duration::ZERO, durability).await.map_err(failed)?;
        let hosts = places::bucket(&context, HOSTS, SILENCE, durability).await.map_err(failed)?;
        places::bucket(&context, WORKERS, SILENCE, durability).await.map_err(failed)?;
        let places = Places::new(&name, durability);
        let (run, revision) = take_over(&runs, &name, ack_wait).await.map_err(failed)?;
        // What another host has left there is nobody's.
        places.remove(&context).await;
        let room = places.make(&context, run.epoch, ack_wait).await.map_err(failed)?;
        let now = Instant::now();
        Ok(Self {
            link,
            broker,
            context,
            places,
            durability,
            timeout,
            ack_wait,
            ledger: Ledger::new(run.epoch, room / 2),
            run,
            revision,
            runs,
            hosts,
            out: HashMap::new(),
            segments: Vec::new(),
            functions: Vec::new(),
            answers: FuturesUnordered::new(),
            began: now,
            heard: now,
            workers: HashMap::new(),
        })
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    async fn run(mut self) {
        let ended = self.serve().await;
        let left = std::mem::take(&mut self.out);
        if let Err(error) = &ended {
            self.link.fail(&self.segments, error);
        }
        // Those that take up work again may drop the last of what holds this thread.
        drop(left);
        if !matches!(ended, Err(Error::TakenOver { .. })) {
            let _ = tokio::time::timeout(GOODBYE, self.clear_up()).await;
        }
    }

    /// Removes what the run has in the broker.
    async fn clear_up(&mut self) {
        self.run.ended = true;
        let run = self.places.run.clone();
        let removed = self.runs.delete_expect_revision(&run, Some(self.revision)).await;
        if removed.is_ok() {
            self.places.remove(&self.context).await;
            let _ = self.hosts.delete(&run).await;
        }
        let _ = self.context.client().flush().await;
    }

    async fn serve(&mut self) -> Ended {
        let over = self.link.over.clone();
        let link = self.link.clone();
        let (mut tick, mut beat) = (interval(TICK), interval(BEAT));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut results = None;
        let mut presences = None;
        loop {
            if results.is_none() {
                results = self.results().await;
            }
            if presences.is_none() {
                presences = self.presences().await;
            }
            self.hand_out().await?;
            tokio::select! {
                () = over.cancelled() => return Ok(()),
                () = link.bell.notified() => self.settle().await,
                Some(answer) = self.answers.next() => self.answered(answer).await?,
                message = next(&mut results) => match message {
                    Some(Ok(message)) => self.result(message),
                    // The consumer is gone, or the broker: it is asked for again.
                    _ => results = None,
                },
                entry = next(&mut presences) => match entry {
                    Some(Ok(entry)) => self.meet(&entry.key, &entry.value, entry.operation),
                    _ => presences = None,
                },
                _ = tick.tick() => {
                    self.let_go();
                    let acts = self.ledger.tick(self.now());
                    self.act(acts)?;
                }
                _ = beat.tick() => self.beat(),
            }
            if self.heard.elapsed() > self.timeout {
                let address = self.broker.to_string();
                return Err(Error::BrokerGone { address, timeout: self.timeout });
            }
        }
    }

    /// Acknowledges results that are out.
    async fn settle(&mut self) {
        let out = std::mem::take(&mut *self.link.out());
        for (ackers, held) in out {
            self.ledger.released(held);
            for acker in ackers {
                release(&acker).await;
            }
        }
    }

    /// Results as they come; none if the broker has no such consumer now.
    async fn results(&mut self) -> Option<pull::Stream> {
        let name = places::host_consumer(self.run.epoch);
        let mut consumer: Option<PullConsumer> = None;
        for _ in 0..2 {
            match self.context.get_consumer_from_stream(&name, self.places.results()).await {
                Ok(found) => {
                    consumer = Some(found);
                    break;
                }
                // It was wiped, or it is not there yet.
                Err(_) => {
                    let _ = self.places.make(&self.context, self.run.epoch, self.ack_wait).await;
                }
            }
        }
        let consumer = consumer?;
        let stream = consumer.stream().max_messages_per_batch(256).heartbeat(Duration::from_secs(5));
        stream.expires(Duration::from_secs(20)).messages().await.ok()
    }

    async fn presences(&self) -> Option<Watch> {
        let store = self.context.get_key_value(WORKERS).await.ok()?;
        store.watch_many_with_history([">"]).await.ok()
    }

    /// A worker says that it is there, and how much it does at once.
    fn meet(&mut self, name: &str, value: &[u8], operation: Operation) {
        match serde_json::from_slice::<Presence>(value) {
            Ok(presence) if operation == Operation::Put => {
                self.workers.insert(name.to_owned(), (presence.slots, Instant::now()));
            }
            _ => drop(self.workers.remove(name)),
        }
        self.workers.retain(|_, (_, seen)| seen.elapsed() < SILENCE);
        let slots: usize = self.workers.values().map(|(slots, _)| *slots).sum();
        self.link.width.store((slots * 3).clamp(FEWEST, MOST), Relaxed);
    }

    /// Hands out work while more may be out.
    async fn hand_out(&mut self) -> Ended {
        while self.ledger.len() < self.link.width.load(Relaxed) {
            let Some(segment) = self.link.ready().pop_front() else { return Ok(()) };
            segment.mark_unlisted();
            let Some((work, more)) = segment.take() else { continue };
            if more && segment.mark_listed() {
                self.link.ready().push_back(segment.clone());
            }
            let index = self.index_of(&segment).await?;
            let (task, act) = self.ledger.submit(self.now());
            self.out.insert(task, Out { segment, index, work });
            self.act(vec![act])?;
        }
        Ok(())
    }

    /// A segment's place among the run's: a new one is told to the workers first.
    async fn index_of(&mut self, segment: &Arc<Segment>) -> Result<u32, Error> {
        let known = self.segments.iter().position(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(segment)));
        if let Some(index) = known {
            return Ok(u32::try_from(index).unwrap_or(u32::MAX));
        }
        self.segments.push(Arc::downgrade(segment));
        for core in &segment.stages {
            self.upload(core).await?;
            self.functions.push(core.clone());
        }
        self.run.segments.push(segment.stages.iter().map(|core| Stage::of(core)).collect());
        self.publish_run().await?;
        Ok(u32::try_from(self.segments.len() - 1).unwrap_or(u32::MAX))
    }

    /// Puts a function's plugin where workers find it, unless it is there.
    async fn upload(&self, core: &Core) -> Result<(), Error> {
        let plugin = &core.opening.plugin;
        let read = |source| Error::Read { path: plugin.path.clone(), source: Arc::new(source) };
        let begun = Instant::now();
        loop {
            let Err(error) = self
                .try_upload(&plugin.hash, || {
                    let bytes = std::fs::read(&plugin.path).map_err(read)?;
                    let hash = blake3::hash(&bytes).to_hex();
                    (*hash == *plugin.hash)
                        .then_some(bytes)
                        .ok_or_else(|| Error::Changed { path: plugin.path.clone() })
                })
                .await?
            else {
                return Ok(());
            };
            if begun.elapsed() > self.timeout {
                return Err(self.lost(error));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The error within is the broker's, for which it is tried again.
    async fn try_upload(
        &self,
        hash: &str,
        bytes: impl FnOnce() -> Result<Vec<u8>, Error>,
    ) -> Result<Result<(), async_nats::Error>, Error> {
        let store = match places::plugins(&self.context, self.durability).await {
            Ok(store) => store,
            Err(error) => return Ok(Err(error)),
        };
        if store.info(hash).await.is_ok() {
            return Ok(Ok(()));
        }
        let bytes = bytes()?;
        let put = store.put(hash, &mut bytes.as_slice()).await;
        Ok(put.map(drop).map_err(Into::into))
    }

    fn lost(&self, source: async_nats::Error) -> Error {
        Error::Broker { address: self.broker.to_string(), source: source.into() }
    }

    /// Tells workers what the run is, unless another host has it.
    async fn publish_run(&mut self) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            let text = serde_json::to_vec(&self.run).unwrap_or_default();
            let error = match self.runs.update(&self.places.run, text.into(), self.revision).await {
                Ok(revision) => {
                    self.revision = revision;
                    return Ok(());
                }
                Err(error) => error,
            };
            // It may be there all the same, or the broker knows nothing any more.
            match self.runs.entry(&*self.places.run).await {
                Ok(Some(entry)) => {
                    let run = serde_json::from_slice::<Run>(&entry.value);
                    if run.is_ok_and(|run| run.epoch > self.run.epoch) {
                        return Err(Error::TakenOver { run: self.places.run.clone() });
                    }
                    self.revision = entry.revision;
                }
                Ok(None) => self.revision = 0,
                Err(_) => {}
            }
            if begun.elapsed() > self.timeout {
                return Err(self.lost(error.into()));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the protocol wants to have done.
    fn act(&mut self, acts: Vec<Act<Acker>>) -> Ended {
        for act in acts {
            match act {
                Act::Publish { task, attempt } => self.publish(task, attempt),
                Act::Look { task, attempt, place } => self.look(task, attempt, place),
                Act::Release(acker) => self.answers.push(
                    async move {
                        release(&acker).await;
                        Answer::Unheard
                    }
                    .boxed(),
                ),
                Act::Done { task, parts, tokens, held } => self.done(task, &parts, tokens, held)?,
                Act::GiveUp { task } => {
                    let record = self.out.get(&task).map_or(0, |out| out.work.batch.number(0));
                    return Err(Error::NoResult { record });
                }
            }
        }
        Ok(())
    }

    fn publish(&self, task: u64, attempt: u32) {
        let Some(Out { index, work, .. }) = self.out.get(&task) else { return };
        let epoch = self.run.epoch;
        let message = Task { epoch, task, attempt, segment: *index, batch: work.batch.clone() };
        let publish =
            PublishMessage::build().payload(message.encode()).message_id(id_of(epoch, task, attempt));
        let (context, subject) = (self.context.clone(), self.places.task_subject(epoch));
        let published = async move {
            let (place, missing) = match context.send_publish(subject, publish).await {
                Ok(answer) => match answer.await {
                    Ok(answer) => (Some(answer.sequence), false),
                    Err(error) => (None, error.kind() == PublishErrorKind::StreamNotFound),
                },
                Err(_) => (None, false),
            };
            Answer::Published { task, attempt, place, missing }
        };
        self.answers.push(published.boxed());
    }

    fn look(&self, task: u64, attempt: u32, place: u64) {
        let (context, stream) = (self.context.clone(), self.places.tasks());
        let id = id_of(self.run.epoch, task, attempt);
        let looked = async move {
            let Ok(stream) = context.get_stream_no_info(stream).await else { return Answer::Unheard };
            match stream.get_raw_message(place).await {
                Ok(message) => {
                    let found = has_id(&message.headers, &id);
                    Answer::Looked { task, attempt, found }
                }
                Err(error) if is_missing(&error) => Answer::Looked { task, attempt, found: false },
                Err(_) => Answer::Unheard,
            }
        };
        self.answers.push(looked.boxed());
    }

    async fn answered(&mut self, answer: Answer) -> Ended {
        let now = self.now();
        match answer {
            Answer::Published { task, attempt, place: Some(place), .. } => {
                self.heard = Instant::now();
                self.ledger.published(task, attempt, place, now);
            }
            Answer::Published { task, attempt, place: None, missing } => {
                self.ledger.refused(task, attempt, now);
                if missing {
                    let _ = self.places.make(&self.context, self.run.epoch, self.ack_wait).await;
                }
            }
            Answer::Looked { task, attempt, found } => {
                self.heard = Instant::now();
                self.ledger.looked(task, attempt, found, now);
            }
            Answer::Unheard => {}
            Answer::Beat(Ok(Some(epoch))) => {
                self.heard = Instant::now();
                if epoch > self.run.epoch {
                    return Err(Error::TakenOver { run: self.places.run.clone() });
                }
            }
            Answer::Beat(Ok(None)) => {
                // The broker has lost what it knew: workers are told again.
                self.heard = Instant::now();
                for bucket in [RUNS, HOSTS, WORKERS] {
                    let age = if bucket == RUNS { Duration::ZERO } else { SILENCE };
                    let _ = places::bucket(&self.context, bucket, age, self.durability).await;
                }
                for core in &self.functions {
                    self.upload(core).await?;
                }
                self.revision = 0;
                self.publish_run().await?;
            }
            Answer::Beat(Err(_)) => {}
        }
        Ok(())
    }

    /// Says that this host lives, and looks whether another one has the run.
    fn beat(&self) {
        let (hosts, runs, run) = (self.hosts.clone(), self.runs.clone(), self.places.run.clone());
        let presence = serde_json::json!({ "epoch": self.run.epoch, "host": self.run.host });
        let beat = async move {
            let entry = runs.entry(&*run).await;
            // Who looks from outside may think that it is gone.
            let _ = hosts.put(&*run, presence.to_string().into()).await;
            match entry {
                Ok(Some(entry)) if entry.operation == Operation::Put => {
                    let known = serde_json::from_slice::<Run>(&entry.value);
                    Answer::Beat(Ok(known.ok().map(|known| known.epoch)))
                }
                Ok(_) => Answer::Beat(Ok(None)),
                Err(error) => Answer::Beat(Err(error.into())),
            }
        };
        self.answers.push(beat.boxed());
    }

    fn result(&mut self, message: jetstream::Message) {
        self.heard = Instant::now();
        let (message, acker) = message.split();
        let acts = match ResultPart::decode(&message.payload) {
            Ok(part) => self.ledger.result(part, acker),
            // It is nobody's result: were it one that is missed, it would be made again.
            Err(_) => vec![Act::Release(acker)],
        };
        if let Err(error) = self.act(acts) {
            self.link.fail(&self.segments, &error);
        }
    }

    /// A result is whole.
    fn done(&mut self, task: u64, parts: &[Bytes], ackers: Vec<Acker>, held: usize) -> Ended {
        let link = self.link.clone();
        let receipt = Receipt::new(move || {
            link.out().push((ackers, held));
            link.bell.notify_one();
        });
        let Some(Out { segment, work, .. }) = self.out.remove(&task) else { return Ok(()) };
        let joined;
        let body = match parts {
            [one] => one,
            parts => {
                joined = Bytes::from(parts.concat());
                &joined
            }
        };
        let (worker, nanos, result) = match Outcome::decode(body) {
            Ok(Outcome { worker, nanos, result }) => (worker, nanos, result),
            Err(error) => (String::new(), 0, Err(error.to_string())),
        };
        let whole = result.and_then(|whole| {
            let checked = whole.check(&work.batch, segment.stages.len());
            checked.map(|()| whole).map_err(|wrong| format!("it sent what is no result: {wrong}"))
        });
        match whole {
            Ok(whole) => {
                if let Some(stage) = segment.stages.first() {
                    let time = Duration::from_nanos(nanos);
                    stage.pace.learn_between(work.batch.len(), time, FAST, SLOW);
                }
                segment.complete(work, whole, receipt);
            }
            Err(reason) => segment.fail(Error::Worker { worker, reason }),
        }
        Ok(())
    }

    /// Forgets tasks of segments that are over.
    fn let_go(&mut self) {
        let over: Vec<_> =
            self.out.iter().filter(|(_, out)| out.segment.is_over()).map(|(task, _)| *task).collect();
        for task in over {
            self.out.remove(&task);
            for act in self.ledger.forget(task) {
                if let Act::Release(acker) = act {
                    self.answers.push(
                        async move {
                            release(&acker).await;
                            Answer::Unheard
                        }
                        .boxed(),
                    );
                }
            }
        }
    }
}

/// The next of what comes, if it can come at all; none means that it has to be asked for again.
async fn next<S: futures_util::Stream + Unpin>(stream: &mut Option<S>) -> Option<S::Item> {
    match stream {
        Some(stream) => stream.next().await,
        None => {
            tokio::time::sleep(Duration::from_millis(200)).await;
            None
        }
    }
}

/// What nobody needs is acknowledged. If that is lost it comes again, and is acknowledged then.
async fn release(acker: &Acker) {
    let _ = acker.ack().await;
}

/// JetStream with room for all that may be out.
pub(super) fn context(client: Client) -> Context {
    ContextBuilder::new().timeout(Duration::from_secs(5)).max_ack_inflight(2 * MOST).build(client)
}

fn id_of(epoch: u64, task: u64, attempt: u32) -> String {
    format!("{epoch}.{task}.{attempt}")
}

fn has_id(headers: &HeaderMap, id: &str) -> bool {
    headers.get(async_nats::header::NATS_MESSAGE_ID).is_some_and(|known| known.as_str() == id)
}

/// Whether the broker said that it has no such message, or no such stream.
fn is_missing(error: &async_nats::jetstream::stream::RawMessageError) -> bool {
    use async_nats::jetstream::stream::RawMessageErrorKind;

    match error.kind() {
        RawMessageErrorKind::NoMessageFound => true,
        RawMessageErrorKind::JetStream(error) => matches!(error.code(), 404),
        _ => false,
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fine = !name.is_empty() && name.len() <= 64 && name.chars().all(fits);
    fine.then_some(()).ok_or_else(|| Error::RunName { name: name.to_owned() })
}

/// Makes this host the one that has the run.
async fn take_over(runs: &Store, name: &str, ack_wait: Duration) -> Result<(Run, u64), async_nats::Error> {
    loop {
        let entry = runs.entry(name).await?;
        let known = entry.as_ref().filter(|entry| entry.operation == Operation::Put);
        let known = known.and_then(|entry| serde_json::from_slice::<Run>(&entry.value).ok());
        // Of a run that was deleted it is not known how many hosts it had: time goes on all the same.
        let epoch = known.map_or_else(super::epoch_of_now, |run| run.epoch + 1);
        let run = Run::new(epoch, ack_wait);
        let text = Bytes::from(serde_json::to_vec(&run)?);
        let put = runs.update(name, text, entry.map_or(0, |entry| entry.revision)).await;
        match put {
            Ok(revision) => return Ok((run, revision)),
            // Another host was faster: it is taken over from that one.
            Err(error) if error.kind() == async_nats::jetstream::kv::UpdateErrorKind::WrongLastRevision => {}
            Err(error) => return Err(error.into()),
        }
    }
}
