//! What streams, subjects, buckets and consumers are called.

use crate::cluster::transport::Table;

/// The bucket of plugins.
pub(super) const PLUGINS: &str = "engine-plugins";

/// The prefixes of the subjects that answers come by, so that a server can permit them apart.
pub(super) const HOST_INBOX: &str = "engine.inbox.host";
pub(super) const WORKER_INBOX: &str = "engine.inbox.worker";

/// The workers' consumer of a run's tasks.
pub(super) const WORKERS_CONSUMER: &str = "workers";

/// The prefixes of the names of a run's streams.
const TASKS: &str = "ENGINE_TASKS_";
const RESULTS: &str = "ENGINE_RESULTS_";

/// The bucket of a table.
pub(super) fn bucket(table: Table) -> &'static str {
    match table {
        Table::Runs => "engine-runs",
        Table::Hosts => "engine-hosts",
        Table::Workers => "engine-workers",
    }
}

/// The stream that a table's bucket is kept in.
pub(super) fn bucket_stream(table: Table) -> String {
    format!("KV_{}", bucket(table))
}

/// The stream of a run's tasks.
pub(super) fn tasks(run: &str) -> String {
    format!("{TASKS}{run}")
}

/// The stream of a run's results.
pub(super) fn results(run: &str) -> String {
    format!("{RESULTS}{run}")
}

/// The run that a stream belongs to, if it is one of a run.
pub(super) fn run_of(stream: &str) -> Option<&str> {
    stream.strip_prefix(TASKS).or_else(|| stream.strip_prefix(RESULTS))
}

/// The subject of the tasks of a run's host.
pub(super) fn task_subject(run: &str, epoch: u64) -> String {
    format!("engine.task.{run}.{epoch}")
}

/// The subject of the results for a run's host.
pub(super) fn result_subject(run: &str, epoch: u64) -> String {
    format!("engine.result.{run}.{epoch}")
}

/// The subjects of the tasks and of the results of all of a run's hosts.
pub(super) fn all_subjects(run: &str) -> [String; 2] {
    [format!("engine.task.{run}.*"), format!("engine.result.{run}.*")]
}

/// The consumer of a host's results.
pub(super) fn host_consumer(epoch: u64) -> String {
    format!("host-{epoch}")
}
