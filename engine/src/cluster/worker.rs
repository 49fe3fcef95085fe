//! The worker's end: takes tasks of all runs that it may serve, and gives back what comes of them.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::kv::{Operation, Store};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::object_store::ObjectStore;
use async_nats::jetstream::{self, AckKind, Context};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::duty::{Act, Duty, Judged, judge};
use super::isolated::Isolation;
use super::places::{BEAT, Durability, PLUGINS, Places, RUNS, TAKERS, WORKER_INBOX, WORKERS};
use super::run::{Machine, Run, Stage};
use super::wire::{Outcome, PROTOCOL, ResultPart, Task};
use crate::plugin::Core;
use crate::pool::{Crew, run_whole};
use crate::{Broker, Capability, Error, Pool};

/// The protocol looks at the time so often.
const TICK: Duration = Duration::from_millis(100);

/// After this something that failed is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// A worker waits so long for tasks before it asks for them anew.
const ASK: Duration = Duration::from_secs(5);

/// What is not part of a record's own time, but of its task's.
const SLACK: Duration = Duration::from_secs(2);

/// How long a drain may take before what is left is left to others.
const DRAIN: Duration = Duration::from_secs(60);

/// A process that takes up work of clusters' runs: any number of runs, one after another or side by side.
///
/// What a run may do here is up to who runs the worker: no more memory and time for a function than the pool
/// allows, and no capability but those that are [allowed](Self::allow). A run that wants more is not served, which
/// `engine cluster status` shows with the reason.
///
/// Of plugins only their WebAssembly comes over the network: it is hashed, checked and compiled here.
#[derive(Clone, Debug)]
pub struct Worker {
    broker: Broker,
    pool: Pool,
    name: String,
    slots: usize,
    allowed: Vec<Capability>,
    isolation: Option<Isolation>,
    folder: PathBuf,
}

/// What a worker says of itself, to the broker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Presence {
    pub(super) protocol: u8,
    pub(super) engine: String,
    pub(super) machine: Machine,
    /// How many threads run functions.
    pub(super) threads: usize,
    /// How many tasks it takes at once.
    pub(super) slots: usize,
    /// How many it is at.
    pub(super) busy: usize,
    pub(super) tasks: u64,
    pub(super) records: u64,
    /// No more tasks are taken.
    pub(super) leaving: bool,
    /// Runs that it does not serve, with the reason.
    pub(super) refused: BTreeMap<String, String>,
}

impl Worker {
    /// A worker that runs functions on a pool, and keeps plugins that it gets in a folder.
    pub fn new(broker: Broker, pool: &Pool, folder: impl Into<PathBuf>) -> Self {
        let machine = Machine::this();
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let name: String = machine.name.chars().map(|c| if fits(c) { c } else { '-' }).collect();
        Self {
            broker,
            pool: pool.clone(),
            name: format!("{name}-{}-{:04x}", machine.process, super::random() & 0xffff),
            slots: pool.workers() * 2,
            allowed: Vec::new(),
            isolation: None,
            folder: folder.into(),
        }
    }

    /// Functions may have this, if the host grants it and they say that they need it.
    #[must_use]
    pub fn allow(mut self, capability: Capability) -> Self {
        self.allowed.push(capability);
        self
    }

    /// A task that somebody may have died of is run by this program, called with these arguments. Its `main` calls
    /// [`Worker::serve_isolated`] for them. Without it such a task is run here.
    #[must_use]
    pub fn isolate(mut self, program: impl Into<PathBuf>, arguments: Vec<String>) -> Self {
        self.isolation = Some(Isolation::new(program.into(), arguments));
        self
    }

    /// What it is called: the machine's name, the process's number, and four digits that nobody else has.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs one task that comes on stdin, and writes what comes of it to stdout.
    ///
    /// # Errors
    ///
    /// If they are no task.
    pub fn serve_isolated(pool: &Pool, allowed: &[Capability]) -> Result<(), Error> {
        super::isolated::serve(pool, allowed)
    }

    /// Works until `leaving` is cancelled; then what was begun is finished, and no more is taken. `told` is given
    /// news in lines, for people.
    ///
    /// # Errors
    ///
    /// If the broker can't be reached at the beginning. Later it is waited for.
    pub async fn serve(
        self,
        leaving: CancellationToken,
        told: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<(), Error> {
        let client = self.broker.connect(&format!("engine worker {}", self.name), WORKER_INBOX).await?;
        let shared = Arc::new(Shared {
            context: super::host::context(client),
            slots: Arc::new(Semaphore::new(self.slots)),
            worker: self,
            told: Box::new(told),
            tasks: AtomicU64::new(0),
            records: AtomicU64::new(0),
            busy: AtomicUsize::new(0),
            refused: Mutex::default(),
            loaded: tokio::sync::Mutex::default(),
            leaving,
        });
        shared.serve().await;
        Ok(())
    }
}

/// What all tasks of a worker share.
struct Shared {
    worker: Worker,
    context: Context,
    slots: Arc<Semaphore>,
    told: Box<dyn Fn(&str) + Send + Sync>,
    tasks: AtomicU64,
    records: AtomicU64,
    busy: AtomicUsize,
    refused: Mutex<BTreeMap<String, String>>,
    /// Plugins by their hashes.
    loaded: tokio::sync::Mutex<HashMap<String, crate::Plugin>>,
    leaving: CancellationToken,
}

impl Shared {
    fn refused(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self: Arc<Self>) {
        let mut serving: HashMap<String, watch::Sender<Run>> = HashMap::new();
        let mut work = JoinSet::new();
        let beats = tokio::spawn(self.clone().beats());
        let mut absent = false;
        while !self.leaving.is_cancelled() {
            let watched = match self.context.get_key_value(RUNS).await {
                Ok(store) => store.watch_many_with_history([">"]).await.ok(),
                Err(_) => None,
            };
            let Some(mut runs) = watched else {
                if !std::mem::replace(&mut absent, true) {
                    (self.told)("no run has been here yet: waiting for one");
                }
                self.pause(AGAIN).await;
                continue;
            };
            absent = false;
            while let Some(Ok(entry)) = self.unless_leaving(runs.next()).await.flatten() {
                let run = serde_json::from_slice::<Run>(&entry.value);
                let gone = entry.operation != Operation::Put || run.as_ref().is_ok_and(|run| run.ended);
                if gone {
                    serving.remove(&entry.key);
                    self.refused().remove(&entry.key);
                    continue;
                }
                let run = match run {
                    Ok(run) if run.protocol == PROTOCOL => run,
                    other => {
                        self.refuse(
                            &entry.key,
                            &other_version(other.ok().map(|run| (run.protocol, run.engine))),
                        );
                        continue;
                    }
                };
                let known = serving.get(&entry.key).filter(|known| !known.is_closed());
                match known {
                    Some(known) => drop(known.send_replace(run)),
                    None => {
                        let (sender, receiver) = watch::channel(run);
                        serving.insert(entry.key.clone(), sender);
                        work.spawn(self.clone().serve_run(entry.key, receiver));
                    }
                }
            }
            self.pause(AGAIN).await;
        }
        (self.told)("leaving: what was begun is finished");
        let drained = async { while work.join_next().await.is_some() {} };
        if timeout(DRAIN, drained).await.is_err() {
            (self.told)("what is not finished is left to others");
        }
        beats.abort();
        if let Ok(store) = self.context.get_key_value(WORKERS).await {
            let _ = store.delete(&self.worker.name).await;
        }
        let _ = self.context.client().flush().await;
    }

    async fn unless_leaving<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.leaving.run_until_cancelled(work).await
    }

    async fn pause(&self, time: Duration) {
        let _ = self.unless_leaving(sleep(time)).await;
    }

    fn refuse(&self, run: &str, reason: &str) {
        let known = self.refused().insert(run.to_owned(), reason.to_owned());
        if known.as_deref() != Some(reason) {
            (self.told)(&format!("the run {run} is not served: {reason}"));
        }
    }

    /// Says that this worker lives.
    async fn beats(self: Arc<Self>) {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut store: Option<Store> = None;
        loop {
            beat.tick().await;
            if store.is_none() {
                store = self.context.get_key_value(WORKERS).await.ok();
            }
            let Some(known) = &store else { continue };
            let text = serde_json::to_vec(&self.presence()).unwrap_or_default();
            if known.put(&self.worker.name, text.into()).await.is_err() {
                store = None;
            }
        }
    }

    fn presence(&self) -> Presence {
        Presence {
            protocol: PROTOCOL,
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            machine: Machine::this(),
            threads: self.worker.pool.workers(),
            slots: self.worker.slots,
            busy: self.busy.load(Relaxed),
            tasks: self.tasks.load(Relaxed),
            records: self.records.load(Relaxed),
            leaving: self.leaving.is_cancelled(),
            refused: self.refused().clone(),
        }
    }

    /// Serves a run until it is gone.
    async fn serve_run(self: Arc<Self>, name: String, mut run: watch::Receiver<Run>) {
        (self.told)(&format!("serving the run {name}"));
        let serving = Arc::new(Serving {
            places: Places::new(&name, Durability::default()),
            shared: self.clone(),
            run: run.clone(),
            duty: Mutex::new(Duty::new(Duration::from_millis(run.borrow_and_update().ack_wait))),
            segments: tokio::sync::Mutex::default(),
            began: Instant::now(),
        });
        let stop = CancellationToken::new();
        let ticks = tokio::spawn(serving.clone().ticks(stop.clone()));
        let mut tasks = JoinSet::new();
        loop {
            let taken = serving.take(&mut tasks);
            tokio::select! {
                () = self.leaving.cancelled() => break,
                changed = run.changed() => {
                    if changed.is_err() {
                        // The run is gone: nobody wants what is under way.
                        tasks.abort_all();
                        break;
                    }
                }
                () = taken => {}
            }
        }
        while tasks.join_next().await.is_some() {}
        // What has a result is still to be published.
        while !serving.duty().is_empty() && run.has_changed().is_ok() {
            sleep(TICK).await;
        }
        stop.cancel();
        let _ = ticks.await;
        (self.told)(&format!("done with the run {name}"));
    }

    /// A plugin, from the broker if it is not here yet.
    async fn plugin(&self, hash: &str, size: u64) -> Result<crate::Plugin, String> {
        let mut loaded = self.loaded.lock().await;
        if let Some(plugin) = loaded.get(hash) {
            return Ok(plugin.clone());
        }
        let told = |error: &dyn std::fmt::Display| format!("its plugin can't be had: {error}");
        let path = self.worker.folder.join(format!("{hash}.wasm"));
        let known = std::fs::read(&path).is_ok_and(|bytes| *blake3::hash(&bytes).to_hex() == *hash);
        if !known {
            let store = self.context.get_object_store(PLUGINS).await.map_err(|error| told(&error))?;
            let bytes = fetch(&store, hash, size).await?;
            std::fs::create_dir_all(&self.worker.folder).map_err(|error| told(&error))?;
            let mut file =
                tempfile::NamedTempFile::new_in(&self.worker.folder).map_err(|error| told(&error))?;
            std::io::Write::write_all(&mut file, &bytes).map_err(|error| told(&error))?;
            file.persist(&path).map_err(|error| told(&error))?;
        }
        let pool = self.worker.pool.clone();
        // To compile takes a while.
        let plugin = tokio::task::spawn_blocking(move || pool.load(path)).await;
        let plugin = plugin.map_err(|error| told(&error))?.map_err(|error| format!("{error:?}"))?;
        if plugin.hash() != hash {
            return Err("its plugin is another one than the host's".to_owned());
        }
        loaded.insert(hash.to_owned(), plugin.clone());
        Ok(plugin)
    }
}

/// A plugin's file. What comes is believed only if it hashes to what was asked for.
async fn fetch(store: &ObjectStore, hash: &str, size: u64) -> Result<Vec<u8>, String> {
    let told = |error: &dyn std::fmt::Display| format!("its plugin can't be had: {error}");
    let object = store.get(hash).await.map_err(|error| told(&error))?;
    let mut bytes = Vec::new();
    // One more than there should be, so that more is noticed.
    object.take(size + 1).read_to_end(&mut bytes).await.map_err(|error| told(&error))?;
    if *blake3::hash(&bytes).to_hex() != *hash {
        return Err("its plugin came damaged".to_owned());
    }
    Ok(bytes)
}

fn other_version(other: Option<(u8, String)>) -> String {
    match other {
        Some((protocol, engine)) => format!(
            "its host speaks version {protocol} of the protocol (engine {engine}), and this is version {PROTOCOL}: run the same engine everywhere"
        ),
        None => "what is said of it can't be read".to_owned(),
    }
}

/// What a worker has of one run.
struct Serving {
    shared: Arc<Shared>,
    places: Places,
    run: watch::Receiver<Run>,
    duty: Mutex<Duty<Arc<jetstream::Message>>>,
    /// The functions of its segments, of one host.
    segments: tokio::sync::Mutex<(u64, HashMap<u32, Segment>)>,
    began: Instant,
}

#[derive(Clone)]
struct Segment {
    stages: Vec<Arc<Core>>,
    /// How long a record may take, with all that belongs to it.
    longest: Duration,
}

impl Serving {
    fn duty(&self) -> MutexGuard<'_, Duty<Arc<jetstream::Message>>> {
        self.duty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Takes tasks while there is room for them.
    async fn take(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        while tasks.try_join_next().is_some() {}
        // A run that may not be served is left to others.
        let run = self.run.borrow().clone();
        if let Err(reason) = self.admit(&run) {
            self.shared.refuse(&self.places.run, &reason);
            return std::future::pending().await;
        }
        self.shared.refused().remove(&self.places.run);
        let stream = self.places.tasks();
        let consumer = self.shared.context.get_consumer_from_stream(TAKERS, stream).await;
        let Ok(consumer): Result<PullConsumer, _> = consumer else { return sleep(AGAIN).await };
        loop {
            let Ok(first) = self.shared.slots.clone().acquire_owned().await else { return };
            let more = self.shared.slots.available_permits().min(3);
            let mut permits = vec![first];
            permits.extend((0..more).map_while(|_| self.shared.slots.clone().try_acquire_owned().ok()));
            let batch = consumer.batch().max_messages(permits.len()).expires(ASK).messages().await;
            let Ok(mut batch) = batch else { return sleep(AGAIN).await };
            while let Some(message) = batch.next().await {
                let (Ok(message), Some(permit)) = (message, permits.pop()) else { return sleep(AGAIN).await };
                tasks.spawn(self.clone().work_on(message, permit));
            }
        }
    }

    /// Whether this worker may serve the run, and if not, why.
    fn admit(&self, run: &Run) -> Result<(), String> {
        let limits = self.shared.worker.pool.shared().limits();
        for stage in run.segments.iter().flatten() {
            let function = &stage.function;
            let bytes = |bytes: usize| bytesize::ByteSize(bytes as u64);
            if stage.memory > limits.memory {
                let (asked, most) = (bytes(stage.memory), bytes(limits.memory));
                return Err(format!(
                    "{function} may have {asked} of memory, and here at most {most} (--memory)"
                ));
            }
            if stage.timeout > limits.timeout {
                let (asked, most) = (stage.timeout, limits.timeout);
                return Err(format!(
                    "{function} may take {asked:?} for a record, and here at most {most:?} (--timeout)"
                ));
            }
            if stage.output > limits.output {
                let (asked, most) = (bytes(stage.output), bytes(limits.output));
                return Err(format!(
                    "{function} may give {asked} for a record, and here at most {most} (--output-size)"
                ));
            }
            for capability in &stage.capabilities {
                let known = capability.parse::<Capability>();
                if !known.is_ok_and(|capability| self.shared.worker.allowed.contains(&capability)) {
                    return Err(format!(
                        "{function} wants {capability}, which is not allowed here (--allow)"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The functions of a segment, made ready the first time.
    async fn segment(&self, index: u32, epoch: u64) -> Result<Option<Segment>, String> {
        let mut segments = self.segments.lock().await;
        if segments.0 != epoch {
            *segments = (epoch, HashMap::new());
        }
        if let Some(segment) = segments.1.get(&index) {
            return Ok(Some(segment.clone()));
        }
        let run = self.run.borrow().clone();
        let stages = run.segments.get(index as usize).filter(|_| run.epoch == epoch);
        let Some(stages) = stages else { return Ok(None) };
        let mut cores = Vec::with_capacity(stages.len());
        for stage in stages {
            let plugin = self.shared.plugin(&stage.plugin, stage.size).await?;
            cores.push(open(&plugin, stage)?);
        }
        let longest = stages.iter().map(Stage::longest).sum::<Duration>() + SLACK;
        let segment = Segment { stages: cores, longest };
        segments.1.insert(index, segment.clone());
        Ok(Some(segment))
    }

    /// Does a task, as far as it is one.
    async fn work_on(self: Arc<Self>, message: jetstream::Message, permit: OwnedSemaphorePermit) {
        let deliveries = message.info().map_or(1, |info| u64::try_from(info.delivered).unwrap_or(1));
        let task = match Task::decode(&message.payload) {
            Ok(task) => task,
            Err(error) => {
                (self.shared.told)(&format!("a task of the run {} is refused: {error}", self.places.run));
                // The host misses it, and gives it out again.
                let _ = message.ack_with(AckKind::Term).await;
                return;
            }
        };
        let known = self.run.borrow().epoch;
        let judged = judge(task.epoch, known, deliveries);
        if judged == Judged::Stale {
            let _ = message.ack().await;
            return;
        }
        let segment = match self.segment(task.segment, task.epoch).await {
            Ok(Some(segment)) => Ok(segment),
            // It is not known here yet.
            Ok(None) => {
                let _ = message.ack_with(AckKind::Nak(Some(Duration::from_millis(100)))).await;
                return;
            }
            Err(reason) => Err(reason),
        };
        self.shared.busy.fetch_add(1, Relaxed);
        let message = Arc::new(message);
        let longest = segment.as_ref().map_or(SLACK, |segment| segment.longest);
        // One record after another, if it must be.
        let whole = longest.saturating_mul(u32::try_from(task.batch.len()).unwrap_or(u32::MAX));
        let key = self.duty().take(message, self.now() + whole, self.now());
        let guard = Held { serving: &self, key };
        let (epoch, number, records) = (task.epoch, task.task, task.batch.len() as u64);
        let begun = Instant::now();
        let result = match segment {
            Ok(segment) => self.run(&segment, task, judged).await,
            Err(reason) => Err(reason),
        };
        let worker = self.shared.worker.name.clone();
        let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let outcome = Outcome { worker, nanos, result }.encode();
        let parts = ResultPart::cut(epoch, number, super::random(), &outcome);
        // From now on it is told by what the broker says.
        std::mem::forget(guard);
        let acts = self.duty().finished(key, parts, self.now());
        self.shared.busy.fetch_sub(1, Relaxed);
        self.shared.tasks.fetch_add(1, Relaxed);
        self.shared.records.fetch_add(records, Relaxed);
        drop(permit);
        self.act(acts).await;
    }

    async fn run(&self, segment: &Segment, task: Task, judged: Judged) -> Result<crate::pool::Whole, String> {
        let isolation = self.shared.worker.isolation.as_ref().filter(|_| judged == Judged::Isolate);
        if let Some(isolation) = isolation {
            let stages = self.run.borrow().segments.get(task.segment as usize).cloned().unwrap_or_default();
            return isolation.run(&self.shared.worker.folder, &stages, &task).await;
        }
        let crew: Arc<dyn Crew> = Arc::new(self.shared.worker.pool.clone());
        run_whole(&crew, &segment.stages, task.batch).await.map_err(|error| format!("{error:?}"))
    }

    /// What the protocol wants to have done.
    async fn act(self: &Arc<Self>, acts: Vec<Act<Arc<jetstream::Message>>>) {
        for act in acts {
            match act {
                Act::Progress { key } => {
                    let message = self.duty().token(key).cloned();
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
        let subject = self.places.result_subject(part.epoch);
        let id = format!("{}.{}.{}.{}", part.epoch, part.task, part.nonce, part.part);
        let publish = PublishMessage::build().payload(part.encode()).message_id(id);
        let sent = self.shared.context.send_publish(subject, publish).await;
        let this = self.clone();
        let settle = async move {
            let kept = match sent {
                Ok(answer) => answer.await.is_ok(),
                Err(_) => false,
            };
            if kept {
                let act = this.duty().kept(key, part.part);
                if let Some(Act::Acknowledge(message)) = act {
                    let _ = message.ack().await;
                }
            } else {
                this.duty().refused(key, part.part, this.now());
            }
        };
        tokio::spawn(settle);
    }

    async fn ticks(self: Arc<Self>, stop: CancellationToken) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut run = self.run.clone();
        let mut epoch = run.borrow().epoch;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            let latest = run.borrow_and_update().epoch;
            if latest > epoch {
                // Another host has taken over: what was done for the one before is nobody's.
                epoch = latest;
                for message in self.duty().drop_all() {
                    drop(message);
                }
            }
            let acts = self.duty().tick(self.now());
            self.act(acts).await;
        }
    }
}

/// A task that is given up midway is owed no more.
struct Held<'a> {
    serving: &'a Serving,
    key: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.serving.duty().let_go(self.key);
        self.serving.shared.busy.fetch_sub(1, Relaxed);
    }
}

/// A function as the host wants it to be run.
pub(super) fn open(plugin: &crate::Plugin, stage: &Stage) -> Result<Arc<Core>, String> {
    let capabilities = stage.capabilities.iter().filter_map(|text| text.parse().ok());
    let plugin = capabilities.fold(plugin.clone(), crate::Plugin::grant);
    let core = plugin.core(&stage.function, |opening| {
        opening.negated = stage.negated;
        opening.arguments.clone_from(&stage.arguments);
        opening.limits.timeout = stage.timeout;
        opening.limits.memory = stage.memory;
        opening.limits.output = stage.output;
        opening.limits.messages = stage.messages;
        opening.limits.isolation = stage.isolation;
        opening.policy = stage.policy();
    });
    let core = core.map_err(|error| format!("{error:?}"))?;
    if core.kind() != stage.kind {
        return Err(format!("{} is {}, not {}", stage.function, core.kind(), stage.kind));
    }
    Ok(core)
}
