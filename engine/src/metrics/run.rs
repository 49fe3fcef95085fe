//! A run as a whole: what it is doing, and how many records went where.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::PlainText;

/// A run as a whole.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct RunStatus {
    /// What it is doing.
    pub state: RunState,
    /// The error that ended it, if it failed.
    pub error: Option<PlainText>,
    /// When it began, in seconds since 1970.
    pub started: f64,
    /// Milliseconds since then.
    pub now: u64,
    /// How many of these milliseconds its sources were paused.
    pub paused: u64,
    /// How many records went where.
    #[serde(flatten)]
    pub counts: Counts,
    /// How much of the input was read, if its size is known.
    pub input: Option<Input>,
}

/// What a run is doing, or how it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunState {
    /// It reads input.
    Running,
    /// Its sources are paused.
    Paused,
    /// It reads no more, and finishes the records in progress.
    Draining,
    /// It has ended with all of its input processed.
    Done,
    /// It has ended before its input did. The records that were read are processed.
    Drained,
    /// It was ended at once. Records in progress are not finished.
    Stopped,
    /// It has ended with an error.
    Failed,
}

impl RunState {
    /// Whether it has ended.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Drained | Self::Stopped | Self::Failed)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Draining => "draining",
            Self::Done => "done",
            Self::Drained => "drained",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        })
    }
}

/// How much was read of an input whose size is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Input {
    /// Bytes that were read.
    pub read: u64,
    /// Bytes that are done, estimated from the part of emitted records that are done.
    pub done: u64,
    /// Its size in bytes.
    pub all: u64,
}

/// How many records went where, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Counts {
    /// Emitted by the source.
    pub emitted: u64,
    /// In scattered segments, neither delivered nor dropped yet.
    pub unfinished: u64,
    /// Accepted by sinks.
    pub delivered: u64,
    /// Records that became faults.
    pub faults: u64,
}

impl Counts {
    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            emitted: self.emitted + other.emitted,
            unfinished: self.unfinished + other.unfinished,
            delivered: self.delivered + other.delivered,
            faults: self.faults + other.faults,
        }
    }
}
