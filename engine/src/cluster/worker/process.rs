//! A worker as a process: it looks which runs there are, and serves each of them.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::notice::OnNotice;
use super::options::Options;
use super::run::RunWorker;
use super::shared::Shared;
use crate::cluster::description::{Run, Version, is_name};
use crate::cluster::protocol::wire::PROTOCOL;
use crate::cluster::transport::{RETRY_WAIT, Table, Transport};
use crate::deadlines::{BROKER_END, DRAIN};

/// Works for all runs until `leave` is cancelled; then what was begun is finished.
pub(in crate::cluster) async fn serve(
    transport: Arc<dyn Transport>,
    options: Options,
    leave: CancellationToken,
    on_notice: OnNotice,
) {
    let shared = Arc::new(Shared::new(transport, options, leave, on_notice));
    let beats = tokio::spawn(shared.clone().beats());
    let concurrency = tokio::spawn(shared.clone().adapt_concurrency());
    let mut runs = Runs { shared: shared.clone(), known: HashMap::new(), work: JoinSet::new() };
    runs.serve().await;
    shared.on_notice.tell("leaving after the tasks in progress");
    let drained = async { while runs.work.join_next().await.is_some() {} };
    if DRAIN.of(shared.options.drain).within("tasks", drained).await.is_err() {
        shared.on_notice.tell("left unfinished tasks to other workers");
    }
    beats.abort();
    concurrency.abort();
    // If the broker is gone, it need not know.
    let _ = BROKER_END.within("the broker", shared.part()).await;
}

/// The runs that a worker serves.
struct Runs {
    shared: Arc<Shared>,
    /// What is known of each run, by its name.
    known: HashMap<String, watch::Sender<Run>>,
    work: JoinSet<()>,
}

impl Runs {
    /// Follows the table of runs until the worker leaves.
    async fn serve(&mut self) {
        let shared = self.shared.clone();
        let mut absent = false;
        while !shared.leave.is_cancelled() {
            let watched = match shared.transport.table(Table::Runs).await {
                Ok(runs) => runs.watch().await,
                Err(_) => None,
            };
            let Some(mut changes) = watched else {
                if !std::mem::replace(&mut absent, true) {
                    shared.on_notice.tell("no run has been here yet: waiting for one");
                }
                shared.pause(RETRY_WAIT).await;
                continue;
            };
            absent = false;
            while let Some(Ok((run, value))) = shared.unless_leaving(changes.next()).await.flatten() {
                while self.work.try_join_next().is_some() {}
                self.changed(run, value.as_ref());
            }
            shared.pause(RETRY_WAIT).await;
        }
    }

    /// A run has begun, changed or ended.
    fn changed(&mut self, name: String, value: Option<&Bytes>) {
        if !is_name(&name) {
            return;
        }
        let Some(value) = value else { return self.ended(&name) };
        let run = match Run::read(Some(value)) {
            Some(run) if run.protocol == PROTOCOL => run,
            _ => return self.shared.refuse(&name, other_version(Version::of(value)).into()),
        };
        if let Some(known) = self.known.get(&name).filter(|known| !known.is_closed()) {
            known.send_replace(run);
            return;
        }
        // The table of workers may have been made with this run.
        self.shared.changed.notify_one();
        let (sender, receiver) = watch::channel(run);
        self.work.spawn(RunWorker::new(self.shared.clone(), &name, receiver).serve());
        self.known.insert(name, sender);
    }

    fn ended(&mut self, name: &str) {
        self.known.remove(name);
        let runs: Vec<_> = self.known.values().map(|run| run.borrow().clone()).collect();
        self.shared.plugins.retain(|hash| runs.iter().any(|run| run.wants(hash)));
        self.shared.forget(name);
    }
}

/// Why a run of another version is not served.
fn other_version(version: Option<Version>) -> String {
    match version {
        Some(version) if version.protocol != PROTOCOL => format!("its host speaks {version}"),
        _ => "the description of the run can't be read".to_owned(),
    }
}

#[cfg(test)]
mod tests;
