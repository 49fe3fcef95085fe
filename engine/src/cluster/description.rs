//! What workers have to know of a run: the stages of its segments, as data.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::protocol::wire::PROTOCOL;
use crate::FaultPolicy;
use crate::function::{Isolation, Kind, Limits};
use crate::plugin::FunctionCore;
use crate::text::PlainText;

/// Whether a run or a worker may have this name: then it can be part of a subject, and is shown as it is.
pub(super) fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.len() <= 128 && text.chars().all(fits)
}

/// A run, as its entry among the runs says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) protocol: u8,
    /// The version of the host's engine, for people.
    pub(super) engine: PlainText,
    /// Which host it is: a later one has a higher number.
    pub(super) epoch: u64,
    pub(super) host: Machine,
    /// How long a worker may be silent about a task before it is given to another one, in milliseconds.
    pub(super) ack_wait: u64,
    /// By segment, the functions that a record goes through; none of one that is not told yet.
    pub(super) segments: Vec<Vec<Stage>>,
}

/// A process on a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) name: PlainText,
    pub(super) process: u32,
}

/// A function of a plugin, and how it is to be run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stage {
    /// The BLAKE3 hash of the plugin's file, in hexadecimal digits.
    pub(super) plugin: String,
    /// The size of that file in bytes.
    pub(super) size: u64,
    pub(super) function: String,
    pub(super) kind: Kind,
    pub(super) negated: bool,
    pub(super) arguments: Vec<(String, String)>,
    pub(super) timeout: Duration,
    pub(super) memory: usize,
    pub(super) output: usize,
    pub(super) messages: usize,
    pub(super) isolation: Isolation,
    /// The first fault of a record behind this one ends the run.
    pub(super) stops_behind: Option<u64>,
    pub(super) retries: u32,
    pub(super) capabilities: Vec<String>,
}

impl Machine {
    pub(super) fn this() -> Self {
        Self { name: machine_name().into(), process: std::process::id() }
    }
}

/// What this machine is called.
fn machine_name() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

impl Run {
    pub(super) fn new(epoch: u64, ack_wait: Duration) -> Self {
        Self {
            protocol: PROTOCOL,
            engine: env!("CARGO_PKG_VERSION").into(),
            epoch,
            host: Machine::this(),
            ack_wait: u64::try_from(ack_wait.as_millis()).unwrap_or(u64::MAX),
            segments: Vec::new(),
        }
    }

    /// The entry of a run, if it can be read.
    pub(super) fn read(value: Option<&Bytes>) -> Option<Self> {
        serde_json::from_slice(value?).ok()
    }

    /// Whether a function of the run is from the plugin with this hash.
    pub(super) fn wants(&self, hash: &str) -> bool {
        self.segments.iter().flatten().any(|stage| stage.plugin == hash)
    }
}

impl Stage {
    pub(super) fn of(core: &FunctionCore) -> Self {
        let opening = &core.opening;
        let Limits { timeout, memory, output, messages, isolation, .. } = opening.limits;
        let policy = &opening.policy;
        Self {
            plugin: opening.plugin.hash.clone(),
            size: opening.plugin.size,
            function: opening.name.clone(),
            kind: opening.kind,
            negated: opening.negated,
            arguments: opening.arguments.clone(),
            timeout,
            memory,
            output,
            messages,
            isolation,
            stops_behind: policy.stops_behind(),
            retries: policy.most_retries(),
            capabilities: opening.grants.capabilities.iter().map(ToString::to_string).collect(),
        }
    }

    /// What a worker does with a record that fails: the host decides about it, but a worker stops where the run does.
    pub(super) fn policy(&self) -> FaultPolicy {
        let policy = match self.stops_behind {
            Some(record) => FaultPolicy::stop().after_record(record),
            None => FaultPolicy::skip(),
        };
        policy.retries(self.retries)
    }

    /// How long its functions may take for one record, with all retries.
    pub(super) fn longest(&self) -> Duration {
        let waits: Duration =
            (1..=self.retries).map_while(|attempts| self.policy().retry_after(attempts)).sum();
        self.timeout.saturating_mul(self.retries.saturating_add(1)).saturating_add(waits)
    }
}
