//! What workers can read about a run: its entry among the runs, and the plugins of its functions.
//!
//! The entry is also who has the run: a host that takes it over writes a later epoch into it, by compare-and-set, so
//! that the one before finds that it is not its own any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::uploader::Uploader;
use crate::Error;
use crate::cluster::description::{Machine, Run, Stage};
use crate::cluster::presence::HostPresence;
use crate::cluster::random::first_epoch;
use crate::cluster::settings::Cluster;
use crate::cluster::transport::{Entry, KeyValue, Table, Transport, TransportError};
use crate::error::ClusterError;
use crate::plugin::FunctionCore;

/// After this something that failed is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// No server lags behind the others for this time, unless it restarted.
const BEHIND: Duration = Duration::from_secs(10);

/// The entry of one host's run.
pub(super) struct Registry {
    transport: Arc<dyn Transport>,
    timeout: Duration,
    name: String,
    runs: Arc<dyn KeyValue>,
    hosts: Arc<dyn KeyValue>,
    run: Run,
    /// The host that had the run before, and has not ended it.
    before: Option<Machine>,
    /// The revision of the run's entry.
    revision: u64,
    /// Since when the server that answers has been behind that.
    behind: Option<Instant>,
    /// Functions whose plugins workers need.
    functions: Vec<Arc<FunctionCore>>,
    uploader: Uploader,
}

impl Registry {
    /// Makes this host the one that has the run.
    pub(super) async fn take_over(
        transport: Arc<dyn Transport>,
        cluster: &Cluster,
        name: &str,
    ) -> Result<Self, Error> {
        let Cluster { ack_wait, timeout, .. } = *cluster;
        let failed = |error| transport.failed(&error);
        let [runs, hosts] = tables(&*transport).await.map_err(failed)?;
        let (run, revision, before) = take_over(&*runs, name, ack_wait).await.map_err(failed)?;
        let uploader = Uploader { transport: transport.clone(), timeout };
        let (name, functions, behind) = (name.to_owned(), Vec::new(), None);
        Ok(Self { transport, timeout, name, runs, hosts, run, before, revision, behind, functions, uploader })
    }

    pub(super) fn epoch(&self) -> u64 {
        self.run.epoch
    }

    /// Takes out the host that had the run before, if that has not ended it.
    pub(super) fn before(&mut self) -> Option<Machine> {
        self.before.take()
    }

    pub(super) fn uploader(&self) -> Uploader {
        self.uploader.clone()
    }

    /// Tells workers of a segment, whose plugins the broker has.
    pub(super) async fn add(
        &mut self,
        segment: usize,
        stages: Vec<Stage>,
        functions: &[Arc<FunctionCore>],
    ) -> Result<(), Error> {
        self.functions.extend_from_slice(functions);
        if self.run.segments.len() <= segment {
            self.run.segments.resize(segment + 1, Vec::new());
        }
        self.run.segments[segment] = stages;
        self.publish().await
    }

    /// Says that this host lives, and how far it is, and looks whether another one has the run. If the broker has
    /// lost what it knew, all of it is written again.
    pub(super) async fn beat(&mut self, done: u64) -> Result<(), Error> {
        let entry = match self.runs.entry(&self.name).await {
            Ok(entry) => entry,
            // A table that is gone can't be told from a broker that is away, unless it is asked for.
            Err(_) if self.has_lost_runs().await => None,
            Err(error) => return Err(self.transport.failed(&error)),
        };
        let presence = HostPresence { epoch: self.run.epoch, host: self.run.host.clone(), done };
        let presence = serde_json::to_vec(&presence).unwrap_or_default();
        // If that is lost, this host may seem to be gone for a while.
        let _ = self.hosts.put(&self.name, presence.into()).await;
        match entry {
            Some(entry) if self.is_own(&entry)? => Ok(()),
            Some(entry) => {
                self.revision = entry.revision;
                self.publish().await
            }
            None => self.begin_anew().await,
        }
    }

    /// Whether an entry is this host's; if not, it can't be read.
    ///
    /// # Errors
    ///
    /// If another host has written or removed it, which then has the run, or had it and is done.
    fn is_own(&mut self, entry: &Entry) -> Result<bool, Error> {
        let taken_over = Err(Error::Cluster(ClusterError::TakenOver { run: self.name.clone() }));
        let (deleted, run) = (entry.value.is_none(), Run::read(entry.value.as_ref()));
        // A server of several may be behind the others, and not know yet that the run is this host's.
        let is_before = || run.as_ref().is_some_and(|run| run.epoch < self.run.epoch);
        if entry.revision < self.revision && (deleted || is_before()) {
            let since = *self.behind.get_or_insert_with(Instant::now);
            return if since.elapsed() < BEHIND { Ok(true) } else { taken_over };
        }
        self.behind = None;
        match run {
            _ if deleted => taken_over,
            Some(run) if run.epoch != self.run.epoch => taken_over,
            run => Ok(run.is_some()),
        }
    }

    /// Whether the broker answers and has no table of runs any more.
    async fn has_lost_runs(&self) -> bool {
        matches!(self.transport.table(Table::Runs).await, Err(TransportError::Missing(_)))
    }

    /// Removes what the run has in the broker, if it is still this host's.
    pub(super) async fn remove(&mut self) {
        let mut removed = self.runs.delete(&self.name, Some(self.revision)).await;
        // The answer to what was written last may have been lost.
        if removed.is_err()
            && let Ok(Some(entry)) = self.runs.entry(&self.name).await
            && self.is_own(&entry).is_ok()
        {
            removed = self.runs.delete(&self.name, Some(entry.revision)).await;
        }
        if removed.is_ok() {
            self.transport.queues(&self.name).remove().await;
            let _ = self.hosts.delete(&self.name, None).await;
        }
        self.transport.flush().await;
    }

    /// Tells a broker that has lost everything all of it again.
    async fn begin_anew(&mut self) -> Result<(), Error> {
        [self.runs, self.hosts] =
            tables(&*self.transport).await.map_err(|error| self.transport.failed(&error))?;
        self.uploader.upload_all(&self.functions).await?;
        self.revision = 0;
        self.publish().await
    }

    /// Writes the entry, unless another host has the run.
    async fn publish(&mut self) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            let text = serde_json::to_vec(&self.run).unwrap_or_default();
            let error = match self.runs.update(&self.name, text.into(), self.revision).await {
                Ok(revision) => {
                    self.revision = revision;
                    return Ok(());
                }
                Err(error) => error,
            };
            // It may be there all the same, or the broker knows nothing any more.
            match self.runs.entry(&self.name).await {
                Ok(Some(entry)) => {
                    self.is_own(&entry)?;
                    self.revision = entry.revision;
                }
                Ok(None) => self.revision = 0,
                Err(_) => {}
            }
            if begun.elapsed() > self.timeout {
                return Err(self.transport.failed(&error));
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// Makes the tables that are missing, and opens those of runs and of hosts.
async fn tables(transport: &dyn Transport) -> Result<[Arc<dyn KeyValue>; 2], TransportError> {
    transport.make_tables().await?;
    Ok([transport.table(Table::Runs).await?, transport.table(Table::Hosts).await?])
}

/// Writes a new host's entry over the latest one. Returns it with its revision, and the host before it.
async fn take_over(
    runs: &dyn KeyValue,
    name: &str,
    ack_wait: Duration,
) -> Result<(Run, u64, Option<Machine>), TransportError> {
    loop {
        let entry = runs.entry(name).await?;
        let known = entry.as_ref().and_then(|entry| Run::read(entry.value.as_ref()));
        // Of a run that was deleted it is not known how many hosts it had: time goes on all the same.
        let epoch = known.as_ref().map_or_else(first_epoch, |run| run.epoch + 1);
        let run = Run::new(epoch, ack_wait);
        let text = Bytes::from(serde_json::to_vec(&run).unwrap_or_default());
        match runs.update(name, text, entry.map_or(0, |entry| entry.revision)).await {
            Ok(revision) => return Ok((run, revision, known.map(|run| run.host))),
            // Another host was faster: it is taken over from that one.
            Err(TransportError::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
