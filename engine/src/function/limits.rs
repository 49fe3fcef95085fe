//! What one record and one instance may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The limits that a pool puts on each function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For one record, and for opening an instance.
    pub(crate) timeout: Duration,
    /// For the linear memory of one instance, in bytes.
    pub(crate) memory: usize,
    /// For the outputs of one record, in bytes.
    pub(crate) output: usize,
    /// For what a function prints in a run, in bytes.
    pub(crate) messages: usize,
    pub(crate) isolation: Isolation,
    /// Whether time, memory and what a call hands over are bounded at all.
    pub(crate) bounded: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            memory: 64 << 20,
            output: 32 << 20,
            messages: 1 << 20,
            isolation: Isolation::Thread,
            bounded: true,
        }
    }
}

/// How long an instance lives: what records may find of one another, if a function keeps something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Isolation {
    /// Until it fails, or its memory has grown to half of the limit: the fastest.
    #[default]
    #[serde(alias = "worker")]
    Thread,
    /// For one call, which may take many records.
    Batch,
    /// For one record: each finds a sandbox that never saw another.
    Record,
}
