//! What there is of a cluster, for people and scripts, and clearing up.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt;
use std::time::SystemTime;

use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind, KeyValueError};
use async_nats::jetstream::kv::{Entry, Operation};
use async_nats::jetstream::{Context, ErrorCode};
use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;

use crate::cluster::host::registry::HostPresence;
use crate::cluster::nats::subjects::{
    Durability, HOST_INBOX, HOSTS, PLUGINS, PRESENCE_EXPIRY, RUNS, Subjects, WORKERS, is_name,
};
use crate::cluster::run::Run;
use crate::cluster::worker::process::Presence;
use crate::deadlines::BROKER_ANSWER;
use crate::text::PlainText;
use crate::{Broker, Error};

/// What a cluster is at: its workers and runs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ClusterView {
    /// The workers that live, by their names.
    pub workers: BTreeMap<String, WorkerView>,
    /// The runs that there are, by their names.
    pub runs: BTreeMap<String, RunView>,
}

/// A worker of a cluster.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct WorkerView {
    /// The version of its engine.
    pub engine: PlainText,
    /// The name of its machine.
    pub machine: PlainText,
    /// Its process there.
    pub process: u32,
    /// How many threads run functions.
    pub threads: usize,
    /// How many tasks it is at.
    pub busy: usize,
    /// How many it has done.
    pub tasks: u64,
    /// How many records were in these.
    pub records: u64,
    /// It finishes what it has begun, and takes nothing more.
    pub leaving: bool,
    /// Runs that it does not serve, with the reasons.
    pub refused: BTreeMap<PlainText, PlainText>,
}

/// A run of a cluster.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RunView {
    /// The version of its host's engine.
    pub engine: PlainText,
    /// Which host it is: a later one has a higher number.
    pub epoch: u64,
    /// The name of its host's machine.
    pub machine: PlainText,
    /// Its host's process there.
    pub process: u32,
    /// Its host has said of late that it lives.
    pub alive: bool,
    /// The number of the last record that is done, with all before it, as its host said last; none if that is gone.
    pub done: Option<u64>,
    /// The functions of its segments.
    pub functions: Vec<Vec<PlainText>>,
    /// Tasks that wait, or are at work; none if the broker does not tell.
    pub tasks: Option<u64>,
    /// Parts of results that are not out yet.
    pub results: Option<u64>,
}

impl ClusterView {
    /// What there is behind a broker now.
    ///
    /// # Errors
    ///
    /// If it can't be reached, or does not tell.
    pub async fn of(broker: &Broker) -> Result<Self, Error> {
        let context = crate::cluster::nats::subjects::context(
            broker.connect("engine cluster", HOST_INBOX, |_| {}).await?,
        );
        let mut view = Self { workers: BTreeMap::new(), runs: BTreeMap::new() };
        let failed = |error: async_nats::Error| broker.lost(&*error);
        for (name, entry) in entries(&context, WORKERS).await.map_err(failed)? {
            let Ok(presence) = serde_json::from_slice::<Presence>(&entry.value) else { continue };
            let Presence { engine, machine, threads, busy, tasks, records, leaving, refused, .. } = presence;
            let (process, machine) = (machine.process, machine.name);
            view.workers.insert(
                name,
                WorkerView { engine, machine, process, threads, busy, tasks, records, leaving, refused },
            );
        }
        let alive: BTreeMap<_, _> = entries(&context, HOSTS).await.map_err(failed)?.into_iter().collect();
        for (name, entry) in entries(&context, RUNS).await.map_err(failed)? {
            let Ok(run) = serde_json::from_slice::<Run>(&entry.value) else { continue };
            let subjects = Subjects::new(&name, Durability::default());
            let functions = run.segments.iter();
            let functions =
                functions.map(|stages| stages.iter().map(|stage| stage.function.as_str().into()).collect());
            let presence = alive.get(&name);
            let done = presence.and_then(|entry| serde_json::from_slice::<HostPresence>(&entry.value).ok());
            let seen = RunView {
                alive: presence.is_some(),
                done: done.map(|presence| presence.done),
                epoch: run.epoch,
                functions: functions.collect(),
                tasks: waiting(&context, subjects.tasks()).await,
                results: waiting(&context, subjects.results()).await,
                engine: run.engine,
                machine: run.host.name,
                process: run.host.process,
            };
            view.runs.insert(name, seen);
        }
        Ok(view)
    }

    /// Removes runs whose hosts are gone, and plugins that no run has. Returns what that was.
    ///
    /// # Errors
    ///
    /// If the broker can't be reached, or does not tell.
    pub async fn clean(broker: &Broker) -> Result<Vec<String>, Error> {
        let context = crate::cluster::nats::subjects::context(
            broker.connect("engine cluster", HOST_INBOX, |_| {}).await?,
        );
        let failed = |error: async_nats::Error| broker.lost(&*error);
        let mut removed = Vec::new();
        // The entry of a run is there before its streams are.
        let streams: Vec<String> = context.stream_names().try_collect().await.unwrap_or_default();
        let runs = context.get_key_value(RUNS).await.ok();
        let known = entries(&context, RUNS).await.map_err(failed)?;
        // A host that has just begun, or taken a run over, says later than that that it lives.
        let alive: BTreeMap<_, _> = entries(&context, HOSTS).await.map_err(failed)?.into_iter().collect();
        // The broker's clock may be ahead of this one.
        let is_old =
            |entry: &Entry| SystemTime::from(entry.created).elapsed().is_ok_and(|age| age > PRESENCE_EXPIRY);
        for (name, entry) in &known {
            if alive.contains_key(name) || !is_old(entry) {
                continue;
            }
            // Another host may have taken it over meanwhile: then it stays.
            if let Some(runs) = &runs
                && runs.delete_expect_revision(name, Some(entry.revision)).await.is_ok()
            {
                Subjects::new(name, Durability::default()).remove(&context).await;
                removed.push(format!("the run {name}"));
            }
        }
        for stream in streams {
            let run = Subjects::run_of(&stream).filter(|run| !known.iter().any(|(name, _)| name == run));
            if run.is_some() && context.delete_stream(&stream).await.is_ok() {
                removed.push(format!("the stream {stream}"));
            }
        }
        let Ok(store) = context.get_object_store(PLUGINS).await else { return Ok(removed) };
        let Ok(mut plugins) = store.list().await else { return Ok(removed) };
        while let Some(Ok(plugin)) = plugins.next().await {
            // A run may have begun meanwhile.
            let known = entries(&context, RUNS).await.map_err(failed)?;
            let runs = known.iter().filter_map(|(_, entry)| serde_json::from_slice::<Run>(&entry.value).ok());
            let is_wanted = runs.into_iter().any(|run| run.plugins().any(|(hash, _)| hash == plugin.name));
            if !is_wanted && store.delete(&plugin.name).await.is_ok() {
                removed.push(format!("the plugin {}", plugin.name));
            }
        }
        Ok(removed)
    }
}

/// All that is in a bucket, which may not be there yet.
async fn entries(context: &Context, bucket: &str) -> Result<Vec<(String, Entry)>, async_nats::Error> {
    let store = match context.get_key_value(bucket).await {
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        store => store?,
    };
    let names: Vec<String> = store.keys().await?.try_collect().await?;
    // Anybody may have written others: they are nobody's.
    let mut names: Vec<_> = names.into_iter().filter(|name| is_name(name)).collect();
    names.sort();
    let mut entries = Vec::with_capacity(names.len());
    for name in names {
        // It may have gone meanwhile.
        if let Some(entry) = store.entry(&*name).await?.filter(|entry| entry.operation == Operation::Put) {
            entries.push((name, entry));
        }
    }
    Ok(entries)
}

/// Whether the broker said that there is no such bucket.
fn is_absent(error: &KeyValueError) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<GetStreamError>());
    let Some(GetStreamErrorKind::JetStream(error)) = source.map(GetStreamError::kind) else { return false };
    error.error_code() == ErrorCode::STREAM_NOT_FOUND
}

async fn waiting(context: &Context, stream: String) -> Option<u64> {
    let stream = context.get_stream_no_info(stream).await.ok()?;
    let info = BROKER_ANSWER.within("the broker", stream.get_info()).await.ok()?.ok()?;
    Some(info.state.messages)
}

impl fmt::Display for ClusterView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.workers.is_empty() {
            writeln!(f, "no workers (engine worker --cluster URL, on any machine)")?;
        } else {
            let widest = self.workers.keys().map(String::len).max().unwrap_or(0).max(6);
            writeln!(f, "{:widest$}  threads  busy    tasks        records", "worker")?;
            for (name, worker) in &self.workers {
                let WorkerView { threads, busy, tasks, records, leaving, .. } = worker;
                let leaving = if *leaving { "  leaving" } else { "" };
                writeln!(f, "{name:widest$}  {threads:>7}  {busy:>4}  {tasks:>7}  {records:>13}{leaving}")?;
            }
        }
        writeln!(f)?;
        if self.runs.is_empty() {
            return writeln!(f, "no runs");
        }
        let widest = self.runs.keys().map(String::len).max().unwrap_or(0).max(3);
        writeln!(f, "{:widest$}  {:22}  {:>5}  {:>7}  {:>13}", "run", "host", "tasks", "results", "done")?;
        for (name, run) in &self.runs {
            let host = format!("{}:{}", run.machine, run.process);
            let host = if run.alive { host } else { format!("{host} (gone)") };
            let many = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
            let functions: Vec<_> = run
                .functions
                .iter()
                .map(|segment| segment.iter().map(PlainText::as_str).collect::<Vec<_>>().join(" → "))
                .collect();
            let (tasks, results) = (many(run.tasks), many(run.results));
            let (done, functions) = (many(run.done), functions.join(" | "));
            writeln!(f, "{name:widest$}  {host:22}  {tasks:>5}  {results:>7}  {done:>13}")?;
            writeln!(f, "  functions: {functions}")?;
            for (worker, known) in &self.workers {
                if let Some(reason) = known.refused.get(&**name) {
                    writeln!(f, "  not served by {worker}: {reason}")?;
                }
            }
        }
        Ok(())
    }
}
