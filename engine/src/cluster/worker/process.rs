//! The worker's end: takes tasks of all runs that it may serve, and gives back what comes of them.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::kv::{Operation, Store};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::sync::{Notify, OnceCell, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::cluster::nats::subjects::{HEARTBEAT, PLUGINS, RETRY_WAIT, RUNS, WORKER_INBOX, WORKERS, is_name};
use crate::cluster::protocol::wire::PROTOCOL;
use crate::cluster::run::{Machine, Run};
use crate::cluster::worker::concurrency::Concurrency;
use crate::cluster::worker::isolation::Isolation;
use crate::cluster::worker::plugin_folder::{Held, PluginFolder};
use crate::cluster::worker::run::RunWorker;
use crate::deadlines::{BROKER_END, DRAIN, FETCH};
use crate::error::SystemError;
use crate::metrics::WorkerStatus;
use crate::text::{self, PlainText};
use crate::{Broker, Capability, Error, Pool, threads};

/// Whether functions wait is looked at so often.
const LOOK: Duration = Duration::from_millis(20);

/// News have no more characters.
const LINE: usize = 2000;

/// A process that takes up work of clusters' runs: any number of runs, one after another or side by side.
///
/// What a run may do here is up to who runs the worker: no more memory and time for a function than the pool
/// allows, and no capability but those that are [allowed](Self::allow). A run that wants more is not served, which
/// `engine cluster status` shows with the reason.
///
/// Of plugins only their WebAssembly comes over the network: it is hashed, checked and compiled here.
#[derive(Clone, Debug)]
pub struct Worker {
    pub(in crate::cluster) broker: Broker,
    pub(in crate::cluster) pool: Pool,
    pub(in crate::cluster) name: String,
    pub(in crate::cluster) allowed: Vec<Capability>,
    pub(in crate::cluster) isolation: Option<Isolation>,
    pub(in crate::cluster) folder: PathBuf,
    drain: Duration,
}

/// What a worker says of itself, to the broker.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::cluster) struct Presence {
    pub(in crate::cluster) protocol: u8,
    pub(in crate::cluster) engine: PlainText,
    pub(in crate::cluster) machine: Machine,
    /// How many threads run functions.
    pub(in crate::cluster) threads: usize,
    /// How many tasks it takes at once.
    pub(in crate::cluster) concurrency: usize,
    /// How many it is at.
    pub(in crate::cluster) busy: usize,
    pub(in crate::cluster) tasks: u64,
    pub(in crate::cluster) records: u64,
    /// No more tasks are taken.
    pub(in crate::cluster) leaving: bool,
    /// Runs that it does not serve, with the reason.
    pub(in crate::cluster) refused: BTreeMap<PlainText, PlainText>,
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
            name: format!("{name}-{}-{:04x}", machine.process, crate::cluster::random() & 0xffff),
            allowed: Vec::new(),
            isolation: None,
            folder: folder.into(),
            drain: DRAIN.time,
        }
    }

    /// What was begun may take so long to be finished when it leaves; the rest is left to others. 30 s, if not said.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain = timeout;
        self
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
        crate::cluster::worker::isolation::serve(pool, allowed)
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
        let told: Arc<dyn Fn(&str) + Send + Sync> = Arc::new(move |line| told(&text::plain(line, LINE)));
        let hear = told.clone();
        let name = format!("engine worker {}", self.name);
        let client = self.broker.connect(&name, WORKER_INBOX, move |line| hear(line)).await?;
        let threads = match self.pool.threads() {
            1 => "one function".to_owned(),
            more => format!("{more} functions"),
        };
        told(&format!("{} works for {}, {threads} at once", self.name, self.broker));
        let shared = Arc::new(Shared {
            context: crate::cluster::nats::subjects::context(client),
            concurrency: Concurrency::new(self.pool.threads()),
            news: Notify::new(),
            worker: self,
            told,
            tasks: AtomicU64::new(0),
            records: AtomicU64::new(0),
            busy: AtomicUsize::new(0),
            refused: Mutex::default(),
            said: Mutex::default(),
            loaded: Mutex::default(),
            leaving,
        });
        shared.serve().await;
        Ok(())
    }
}

/// Why a task is left to another worker, or to this one later: the host could load its functions, so what stands
/// in the way is here.
pub(in crate::cluster) struct Declined(pub(in crate::cluster) String);

/// A plugin, and its file, which a process apart may load it from.
struct Loaded {
    plugin: crate::Plugin,
    _file: Held,
}

/// What all runs of a worker share.
pub(in crate::cluster) struct Shared {
    pub(in crate::cluster) worker: Worker,
    pub(in crate::cluster) context: Context,
    pub(in crate::cluster) concurrency: Concurrency,
    /// There is something to say of this worker.
    news: Notify,
    pub(in crate::cluster) told: Arc<dyn Fn(&str) + Send + Sync>,
    pub(in crate::cluster) tasks: AtomicU64,
    pub(in crate::cluster) records: AtomicU64,
    pub(in crate::cluster) busy: AtomicUsize,
    refused: Mutex<BTreeMap<PlainText, PlainText>>,
    /// What was said of that, each run's latest.
    said: Mutex<BTreeMap<String, String>>,
    /// Plugins by their hashes.
    loaded: Mutex<HashMap<String, Arc<OnceCell<Loaded>>>>,
    pub(in crate::cluster) leaving: CancellationToken,
}

impl Presence {
    /// As much as a run wants to know: of other runs anybody may have written anything.
    pub(in crate::cluster) fn shortened(mut self, run: &str) -> Self {
        let [engine, machine] =
            [&self.engine, &self.machine.name].map(|text| PlainText::short(text.as_str()));
        let refused = self.refused.remove(run).map(|reason| (run.into(), PlainText::short(reason)));
        (self.engine, self.machine.name, self.refused) = (engine, machine, refused.into_iter().collect());
        self
    }

    /// What is shown of it; `refused` is why it does not serve the run in question.
    pub(in crate::cluster) fn status(&self, name: &PlainText, refused: Option<&PlainText>) -> WorkerStatus {
        WorkerStatus {
            name: name.clone(),
            machine: self.machine.name.clone(),
            process: self.machine.process,
            threads: self.threads,
            busy: self.busy,
            tasks: self.tasks,
            records: self.records,
            leaving: self.leaving,
            refused: refused.cloned(),
        }
    }
}

impl Shared {
    pub(in crate::cluster) fn refused(&self) -> MutexGuard<'_, BTreeMap<PlainText, PlainText>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self: Arc<Self>) {
        let mut serving: HashMap<String, watch::Sender<Run>> = HashMap::new();
        let mut work = JoinSet::new();
        let beats = tokio::spawn(self.clone().beats());
        let looks = tokio::spawn(self.clone().adapt_concurrency());
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
                self.pause(RETRY_WAIT).await;
                continue;
            };
            absent = false;
            while let Some(Ok(entry)) = self.unless_leaving(runs.next()).await.flatten() {
                while work.try_join_next().is_some() {}
                if !is_name(&entry.key) {
                    continue;
                }
                let run = serde_json::from_slice::<Run>(&entry.value);
                if entry.operation != Operation::Put {
                    serving.remove(&entry.key);
                    self.forget_plugins(&serving);
                    self.refused().remove(&*entry.key);
                    self.said.lock().unwrap_or_else(PoisonError::into_inner).remove(&entry.key);
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
                        work.spawn(RunWorker::new(self.clone(), &entry.key, receiver).serve());
                    }
                }
            }
            self.pause(RETRY_WAIT).await;
        }
        (self.told)("leaving: what was begun is finished");
        let drained = async { while work.join_next().await.is_some() {} };
        if DRAIN.of(self.worker.drain).within("tasks", drained).await.is_err() {
            (self.told)("what is not finished is left to others");
        }
        beats.abort();
        looks.abort();
        // If the broker is gone, nobody needs to know.
        let _ = BROKER_END.within("the broker", self.part()).await;
    }

    /// Says that this worker is no more.
    async fn part(&self) {
        if let Ok(store) = self.context.get_key_value(WORKERS).await {
            let _ = store.delete(&self.worker.name).await;
        }
        let _ = self.context.client().flush().await;
    }

    pub(in crate::cluster) async fn unless_leaving<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.leaving.run_until_cancelled(work).await
    }

    pub(in crate::cluster) async fn pause(&self, time: Duration) {
        let _ = self.unless_leaving(sleep(time)).await;
    }

    pub(in crate::cluster) fn refuse(&self, run: &str, reason: &str) {
        self.refused().insert(run.into(), reason.into());
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let known = said.insert(run.to_owned(), reason.to_owned());
        if known.as_deref() != Some(reason) {
            (self.told)(&format!("the run {run} is not served: {reason}"));
        }
    }

    /// Says that this worker lives.
    async fn beats(self: Arc<Self>) {
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut store: Option<Store> = None;
        loop {
            tokio::select! {
                _ = beat.tick() => {}
                () = self.news.notified() => {}
            }
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

    /// Takes more tasks while functions wait, so that they wait side by side.
    async fn adapt_concurrency(self: Arc<Self>) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut idle, mut times) = (false, 0_u8);
        loop {
            look.tick().await;
            let now = self.worker.pool.shared().has_idle_threads();
            times = if now == idle { times.saturating_add(1) } else { 1 };
            idle = now;
            if self.concurrency.look(idle, times) {
                self.news.notify_one();
            }
        }
    }

    fn presence(&self) -> Presence {
        Presence {
            protocol: PROTOCOL,
            engine: env!("CARGO_PKG_VERSION").into(),
            machine: Machine::this(),
            threads: self.worker.pool.threads(),
            concurrency: self.concurrency.all(),
            busy: self.busy.load(Relaxed),
            tasks: self.tasks.load(Relaxed),
            records: self.records.load(Relaxed),
            leaving: self.leaving.is_cancelled(),
            refused: self.refused().clone(),
        }
    }

    /// A plugin, from the broker if it is not here yet.
    pub(in crate::cluster) async fn plugin(&self, hash: &str, size: u64) -> Result<crate::Plugin, Declined> {
        // One that takes its time holds no other one up.
        let cell = {
            let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
            loaded.entry(hash.to_owned()).or_default().clone()
        };
        cell.get_or_try_init(|| self.load(hash, size)).await.map(|loaded| loaded.plugin.clone())
    }

    /// Lets go of plugins that no run has any more. What is at work keeps its own.
    fn forget_plugins(&self, serving: &HashMap<String, watch::Sender<Run>>) {
        let runs: Vec<_> = serving.values().map(|run| run.borrow().clone()).collect();
        let is_wanted = |hash: &str| runs.iter().any(|run| run.plugins().any(|(known, _)| known == hash));
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.retain(|hash, _| is_wanted(hash));
    }

    async fn load(&self, hash: &str, size: u64) -> Result<Loaded, Declined> {
        let cant = |error: &dyn std::fmt::Display| Declined(format!("its plugin can't be had: {error}"));
        let most = self.worker.pool.shared().plugin_size();
        let folder = PluginFolder::open(&self.worker.folder).map_err(|error| cant(&error))?;
        let file = match folder.get(hash, most) {
            Some(file) => file,
            None => {
                let fetched = FETCH.within("the broker", self.fetch(hash, size, most)).await;
                let bytes = fetched.unwrap_or_else(|_| Err("it does not come".into()));
                folder.put(hash, &bytes.map_err(|error| cant(&error))?).map_err(|error| cant(&error))?
            }
        };
        let pool = self.worker.pool.clone();
        let path = self.worker.folder.join(PluginFolder::name(hash));
        // To compile takes a while.
        let (tell, loaded) = oneshot::channel();
        let told = |error: Error| Declined(format!("its plugin can't be loaded: {error}"));
        threads::start("engine-load", move || drop(tell.send(pool.load(path)))).map_err(told)?;
        let plugin = loaded.await.unwrap_or(Err(Error::System(SystemError::Panicked))).map_err(told)?;
        if plugin.hash() != hash {
            return Err(Declined("its plugin was changed here".to_owned()));
        }
        Ok(Loaded { plugin, _file: file })
    }

    /// The bytes of a plugin that the broker has. They are believed only if they hash to what was asked for.
    async fn fetch(&self, hash: &str, size: u64, most: u64) -> Result<Vec<u8>, async_nats::Error> {
        let store = self.context.get_object_store(PLUGINS).await?;
        if size > most {
            return Err(format!("it has {size} bytes, and here at most {most} (--plugin-size)").into());
        }
        let object = store.get(hash).await?;
        let mut bytes = Vec::new();
        // One more than there should be, so that more is noticed.
        object.take(size + 1).read_to_end(&mut bytes).await?;
        if *blake3::hash(&bytes).to_hex() != *hash {
            return Err("it came damaged".into());
        }
        Ok(bytes)
    }
}

fn other_version(other: Option<(u8, PlainText)>) -> String {
    match other {
        Some((protocol, engine)) => format!(
            "its host speaks version {protocol} of the protocol (engine {engine}), and this is version {PROTOCOL}: run the same engine everywhere"
        ),
        None => "what is said of it can't be read".to_owned(),
    }
}
