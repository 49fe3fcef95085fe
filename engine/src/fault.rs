//! A fault: one record's failure, as data.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use crate::text::PlainText;

/// One record for which a function failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// The source's number of the record, counted from 1 as lines are.
    pub record: u64,
    /// The function that failed, or what the node does that is not of a plugin, as `try_map`.
    pub function: PlainText,
    /// The node that called it, if it has a name and that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<PlainText>,
    /// What happened.
    pub cause: Cause,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}: {}: {}", self.record, self.place(), self.cause)
    }
}

impl Fault {
    /// A fault of a node that has no name.
    pub(crate) fn new(record: u64, function: impl Into<PlainText>, cause: Cause) -> Self {
        Self { record, function: function.into(), node: None, cause }
    }

    /// The function that failed and the node that called it, as in `parse (node clean)`.
    #[must_use]
    pub fn place(&self) -> Cow<'_, str> {
        match &self.node {
            Some(node) => format!("{} (node {node})", self.function).into(),
            None => self.function.as_str().into(),
        }
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
    /// The guest did what WebAssembly forbids, or aborted.
    Trapped {
        /// Which trap.
        trap: PlainText,
        /// The end of what the guest wrote to stderr, where many languages give the reason.
        stderr: PlainText,
    },
    /// The function recursed until its stack was full.
    StackOverflow,
    /// The function exited.
    Exited {
        /// The exit code.
        code: i32,
    },
    /// The function did not finish within its time limit.
    TimedOut {
        /// The limit for one record.
        limit: Duration,
    },
    /// The function needed more memory than its limit.
    OutOfMemory {
        /// The limit for one instance, in bytes.
        limit: usize,
    },
    /// The outputs for the record exceed the limit.
    TooMuchOutput {
        /// The limit for one record, in bytes.
        limit: usize,
    },
    /// The outcome breaks a rule of the contract.
    BrokenContract {
        /// The rule.
        rule: PlainText,
    },
    /// The function killed the cluster worker that ran it, which had been started for this record alone.
    KilledItsWorker {
        /// How it ended.
        how: PlainText,
    },
    /// An output can't be read as the type of the stream's elements.
    Unreadable {
        /// What was expected, and what was found.
        message: PlainText,
    },
    /// The function asked the host for more of a resource than one instance may have.
    LimitExceeded {
        /// The resource.
        resource: Resource,
        /// How much one instance may have.
        limit: u64,
    },
    /// The function asked for the time of day, files or the network, and did not declare that.
    Undeclared {
        /// The capability, as functions declare it: `clock`, `dir` or `net`.
        capability: PlainText,
    },
}

/// A resource of the host that is limited for each instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Resource {
    /// Open files, streams and sockets, and waits for them.
    Handles,
    /// Random bytes in one call.
    RandomBytes,
}

impl Resource {
    /// What an instance did to exceed the limit.
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

    /// The text that is shown.
    pub(crate) fn message(&self) -> Cow<'_, str> {
        match self {
            Self::Failed { message, .. } => message.as_str().into(),
            other => other.to_string().into(),
        }
    }

    /// How many bytes of text from the guest it holds.
    pub(crate) fn text_len(&self) -> usize {
        match self {
            Self::Failed { message, .. } | Self::Panicked { message } | Self::Unreadable { message } => {
                message.len()
            }
            Self::Trapped { trap, stderr } => trap.len() + stderr.len(),
            Self::KilledItsWorker { how } => how.len(),
            Self::BrokenContract { rule } => rule.len(),
            Self::Undeclared { capability } => capability.len(),
            _ => 0,
        }
    }

    /// The kind of the cause as one word for scripts: `failed`, `panicked`, `trapped`, …
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
            Self::Undeclared { .. } => "undeclared",
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
            Self::Undeclared { capability } => {
                let used = match capability.as_str() {
                    "clock" => "read the time of day",
                    "dir" => "used files",
                    "net" => "used the network",
                    _ => "used what is not its own",
                };
                write!(f, "{used}, which it does not declare: add needs(\"{capability}\") to the function")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_one_line_without_control_characters() {
        let cause = Cause::Panicked { message: "bad\n\x1b[31mred".into() };
        let fault = Fault::new(7, "parse", cause);
        assert_eq!(fault.to_string(), "record 7: parse: panicked: bad �[31mred");
        let fault = Fault { node: Some("cle\nan".into()), ..fault };
        assert_eq!(fault.to_string(), "record 7: parse (node cle an): panicked: bad �[31mred");
    }
}
