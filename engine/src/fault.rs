//! A fault: one record's failure, as data.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use crate::text::PlainText;

/// One record for which a function failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The source's number of the record, counted from 1 as lines are.
    pub record: u64,
    /// The function that failed.
    pub function: PlainText,
    /// What happened.
    pub cause: Cause,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}: {}: {}", self.record, self.function, self.cause)
    }
}

/// Why a function failed for a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cause {
    /// The function returned an error.
    Failed {
        /// What it said.
        message: PlainText,
        /// Whether it said that another try may succeed.
        retryable: bool,
    },
    /// The function panicked.
    Panicked {
        /// The panic's message and place.
        message: PlainText,
    },
    /// The guest did what WebAssembly forbids, or gave up.
    Trapped {
        /// Which trap.
        trap: PlainText,
        /// The end of what it wrote to stderr, where a language leaves its reason.
        stderr: PlainText,
    },
    /// It recursed until its stack was full.
    StackOverflow,
    /// It ended itself with this exit code.
    Exited {
        /// As given to `exit`.
        code: i32,
    },
    /// It did not finish within its time.
    TimedOut {
        /// The limit for one record.
        limit: Duration,
    },
    /// It needed more memory than it may have.
    OutOfMemory {
        /// The limit for one instance, in bytes.
        limit: usize,
    },
    /// What it returned for the record is larger than it may be.
    TooMuchOutput {
        /// The limit for one record, in bytes.
        limit: usize,
    },
    /// What it returned breaks a rule of the contract.
    BrokenContract {
        /// The rule.
        rule: PlainText,
    },
    /// The process that ran it died of it: one of a cluster's workers, which was started again for it alone.
    KilledItsWorker {
        /// How it ended.
        how: PlainText,
    },
    /// What it returned can't be read as the type that the stream has.
    Unreadable {
        /// What was expected, and what stood there.
        message: PlainText,
    },
    /// It asked the host for more of something than one instance may have.
    LimitExceeded {
        /// Of what.
        resource: Resource,
        /// How much of it there may be.
        limit: u64,
    },
}

/// Something of the host's, of which an instance may have so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Resource {
    /// Open files, streams, sockets, and what waits for them.
    Handles,
    /// Random bytes of one call, by their number.
    RandomBytes,
}

impl Resource {
    /// What an instance did that took more than `limit` of it.
    fn exceeded(self, limit: u64) -> String {
        match self {
            Self::Handles => format!("held more than {limit} handles"),
            Self::RandomBytes => format!("asked for more than {} of random bytes at once", ByteSize(limit)),
        }
    }
}

impl Cause {
    /// Whether the function said that another try may succeed.
    pub(crate) fn is_retryable(&self) -> bool {
        matches!(self, Self::Failed { retryable: true, .. })
    }

    /// What is shown of it.
    pub(crate) fn message(&self) -> Cow<'_, str> {
        match self {
            Self::Failed { message, .. } => message.as_str().into(),
            other => other.to_string().into(),
        }
    }

    /// The bytes of a guest's words in it.
    pub(crate) fn text_len(&self) -> usize {
        match self {
            Self::Failed { message, .. } | Self::Panicked { message } | Self::Unreadable { message } => {
                message.len()
            }
            Self::Trapped { trap, stderr } => trap.len() + stderr.len(),
            Self::KilledItsWorker { how } => how.len(),
            Self::BrokenContract { rule } => rule.len(),
            _ => 0,
        }
    }

    /// A word for its kind, as scripts want it: `failed`, `panicked`, `trapped`, …
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Failed { .. } => "failed",
            Self::Panicked { .. } => "panicked",
            Self::Trapped { .. } => "trapped",
            Self::StackOverflow => "stack-overflow",
            Self::Exited { .. } => "exited",
            Self::TimedOut { .. } => "timed-out",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::TooMuchOutput { .. } => "too-much-output",
            Self::BrokenContract { .. } => "broken-contract",
            Self::KilledItsWorker { .. } => "killed-its-worker",
            Self::Unreadable { .. } => "unreadable",
            Self::LimitExceeded { .. } => "limit-exceeded",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { message, .. } => message.fmt(f),
            Self::Panicked { message } => write!(f, "panicked: {message}"),
            Self::Trapped { trap, stderr } if stderr.is_empty() => write!(f, "trapped: {trap}"),
            Self::Trapped { trap, stderr } => write!(f, "trapped: {trap} (it wrote: {stderr})"),
            Self::StackOverflow => f.write_str("overflowed its stack"),
            Self::Exited { code } => write!(f, "exited with code {code}"),
            Self::TimedOut { limit } => write!(f, "took longer than {limit:?}"),
            Self::OutOfMemory { limit } => {
                write!(f, "needed more than {} of memory", ByteSize(*limit as u64))
            }
            Self::TooMuchOutput { limit } => {
                write!(f, "returned more than {}", ByteSize(*limit as u64))
            }
            Self::BrokenContract { rule } => write!(f, "broke the plugin contract: {rule}"),
            Self::KilledItsWorker { how } => write!(f, "killed the process that ran it ({how})"),
            Self::Unreadable { message } => write!(f, "its output can't be read: {message}"),
            Self::LimitExceeded { resource, limit } => f.write_str(&resource.exceeded(*limit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_one_line_without_control_characters() {
        let cause = Cause::Panicked { message: "bad\n\x1b[31mred".into() };
        let fault = Fault { record: 7, function: "parse".into(), cause };
        assert_eq!(fault.to_string(), "record 7: parse: panicked: bad �[31mred");
    }
}
