//! What there is of a cluster, for people and scripts, and clearing up.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::cleaning::{clean, entries};
use super::description::Run;
use super::nats;
use super::presence::{HostPresence, WorkerPresence};
use super::transport::{Entry, Table, Transport, TransportError};
use crate::Error;
use crate::broker::Broker;
use crate::text::PlainText;

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
        let transport = nats::viewer(broker.clone()).await?;
        Self::seen_by(&*transport).await.map_err(|error| transport.failed(&error))
    }

    async fn seen_by(transport: &dyn Transport) -> Result<Self, TransportError> {
        let workers = entries(transport, Table::Workers).await?;
        let workers = workers.into_iter().filter_map(|(name, entry)| {
            let presence = serde_json::from_slice(&entry.value?).ok()?;
            Some((name, WorkerView::of(presence)))
        });
        let workers = workers.collect();
        let hosts: BTreeMap<_, _> = entries(transport, Table::Hosts).await?.into_iter().collect();
        let mut runs = BTreeMap::new();
        for (name, entry) in entries(transport, Table::Runs).await? {
            if let Some(run) = Run::read(entry.value.as_ref()) {
                let (tasks, results) = transport.queues(&name).waiting().await;
                runs.insert(name.clone(), RunView { tasks, results, ..RunView::of(run, hosts.get(&name)) });
            }
        }
        Ok(Self { workers, runs })
    }

    /// Removes runs whose hosts are gone, and plugins that no run has. Returns what that was.
    ///
    /// # Errors
    ///
    /// If the broker can't be reached, or does not tell.
    pub async fn clean(broker: &Broker) -> Result<Vec<String>, Error> {
        let transport = nats::viewer(broker.clone()).await?;
        clean(&*transport).await.map_err(|error| transport.failed(&error))
    }
}

impl WorkerView {
    fn of(presence: WorkerPresence) -> Self {
        let WorkerPresence { engine, machine, threads, busy, tasks, records, leaving, refused, .. } =
            presence;
        let (process, machine) = (machine.process, machine.name);
        Self { engine, machine, process, threads, busy, tasks, records, leaving, refused }
    }
}

impl RunView {
    /// What a run's entry and its host's say.
    fn of(run: Run, host: Option<&Entry>) -> Self {
        let functions = run.segments.iter();
        let functions =
            functions.map(|stages| stages.iter().map(|stage| stage.function.as_str().into()).collect());
        let presence =
            host.and_then(|entry| serde_json::from_slice::<HostPresence>(entry.value.as_ref()?).ok());
        Self {
            alive: host.is_some(),
            done: presence.map(|presence| presence.done),
            epoch: run.epoch,
            functions: functions.collect(),
            tasks: None,
            results: None,
            engine: run.engine,
            machine: run.host.name,
            process: run.host.process,
        }
    }
}

impl fmt::Display for ClusterView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.workers.is_empty() {
            writeln!(f, "no workers")?;
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
