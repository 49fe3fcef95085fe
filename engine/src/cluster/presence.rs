//! What hosts and workers say of themselves, so that others know that they live.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::description::{Machine, Version};
use super::protocol::wire::PROTOCOL;
use crate::metrics::WorkerStatus;
use crate::text::PlainText;

/// How often hosts and workers say that they live.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(2);

/// A host or worker that is silent for this time is taken for gone.
pub(super) const PRESENCE_EXPIRY: Duration = Duration::from_secs(15);

/// What a host says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct HostPresence {
    pub(super) epoch: u64,
    pub(super) host: Machine,
    /// The number of the last record that is done, with all before it.
    pub(super) done: u64,
}

/// What a worker says of itself. A worker of another version may leave out all but its version.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct WorkerPresence {
    pub(super) protocol: u8,
    pub(super) engine: PlainText,
    #[serde(default)]
    pub(super) machine: Machine,
    /// How many threads run functions.
    #[serde(default)]
    pub(super) threads: usize,
    /// How many tasks it takes at once.
    #[serde(default)]
    pub(super) concurrency: usize,
    /// How many tasks it runs now.
    #[serde(default)]
    pub(super) busy: usize,
    #[serde(default)]
    pub(super) tasks: u64,
    #[serde(default)]
    pub(super) records: u64,
    /// It takes no more tasks.
    #[serde(default)]
    pub(super) leaving: bool,
    /// The runs that it does not serve, with the reasons.
    #[serde(default)]
    pub(super) refused: BTreeMap<PlainText, PlainText>,
}

impl WorkerPresence {
    /// As much as one run's host keeps: a worker may have written anything about other runs.
    pub(super) fn shortened(mut self, run: &str) -> Self {
        let [engine, machine] =
            [&self.engine, &self.machine.name].map(|text| PlainText::short(text.as_str()));
        let version = Version { protocol: self.protocol, engine: engine.clone() };
        let refused = match self.refused.remove(run) {
            _ if self.protocol != PROTOCOL => Some(PlainText::short(format!("it speaks {version}"))),
            refused => refused.map(PlainText::short),
        };
        let refused = refused.map(|reason| (run.into(), reason));
        (self.engine, self.machine.name, self.refused) = (engine, machine, refused.into_iter().collect());
        self
    }

    /// What is shown of it; `refused` is why it does not serve the run in question.
    pub(super) fn status(&self, name: &PlainText, refused: Option<&PlainText>) -> WorkerStatus {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::versions::fixture;

    #[test]
    fn a_worker_of_the_version_before_is_shown_with_the_reason() {
        let read = |version: u8| -> WorkerPresence {
            serde_json::from_slice(&fixture(&format!("cluster.{version}/worker.json"))).unwrap()
        };
        assert!(read(PROTOCOL).shortened("run").refused.is_empty());
        let before = read(PROTOCOL - 1).shortened("run");
        let said = before.refused.values().next().unwrap().as_str();
        assert!(said.contains(&format!("version {} of the protocol", PROTOCOL - 1)), "{said}");
        assert!(said.contains("run the same engine everywhere"), "{said}");
    }
}
