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

/// The part of an entry that all versions of the protocol can read.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Version {
    pub(super) protocol: u8,
    /// The version of the engine, for people.
    pub(super) engine: PlainText,
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

impl Version {
    /// The version of the process that wrote an entry.
    pub(super) fn of(value: &[u8]) -> Option<Self> {
        serde_json::from_slice(value).ok()
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { protocol, engine } = self;
        write!(
            f,
            "version {protocol} of the protocol (engine {engine}), and this is version {PROTOCOL}: run the same engine everywhere"
        )
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, workers of the last version can't read the entry: then `PROTOCOL` has to grow.
    #[test]
    fn the_entry_of_a_run_has_one_form_in_each_version() {
        let stage = Stage {
            plugin: "ab".into(),
            size: 1,
            function: "inc".into(),
            kind: Kind::FlatMap,
            negated: false,
            arguments: vec![("step".into(), "1".into())],
            timeout: Duration::from_millis(1500),
            memory: 2,
            output: 3,
            messages: 4,
            isolation: Isolation::Thread,
            stops_behind: Some(5),
            retries: 6,
            capabilities: vec!["clock".into()],
        };
        let run = Run {
            protocol: PROTOCOL,
            engine: "0.1.0".into(),
            epoch: 7,
            host: Machine { name: "one".into(), process: 8 },
            ack_wait: 9,
            segments: vec![vec![stage]],
        };
        let expected = concat!(
            r#"{"protocol":2,"engine":"0.1.0","epoch":7,"host":{"name":"one","process":8},"ack_wait":9,"#,
            r#""segments":[[{"plugin":"ab","size":1,"function":"inc","kind":"flat-map","negated":false,"#,
            r#""arguments":[["step","1"]],"timeout":{"secs":1,"nanos":500000000},"memory":2,"output":3,"#,
            r#""messages":4,"isolation":"thread","stops_behind":5,"retries":6,"capabilities":["clock"]}]]}"#,
        );
        assert_eq!(serde_json::to_string(&run).unwrap(), expected);
    }
}
