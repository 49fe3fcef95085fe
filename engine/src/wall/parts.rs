//! The parts of the wall, and how raising them went.

use serde::Serialize;

/// What stands between an escaped guest and the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Part {
    /// Landlock: paths that may not be reached.
    Files,
    /// Landlock: TCP ports that may not be reached.
    Ports,
    /// Landlock: other processes, which may not be signalled.
    Signals,
    /// Seccomp: calls of the kernel that may not be made.
    Calls,
}

impl Part {
    /// What it needs of the kernel.
    #[must_use]
    pub fn need(self) -> &'static str {
        match self {
            Self::Files => "landlock (Linux 5.13)",
            Self::Ports => "landlock for TCP (Linux 6.7)",
            Self::Signals => "landlock for signals (Linux 6.12)",
            Self::Calls => "seccomp",
        }
    }

    /// What can't be done if it can't be raised.
    #[cfg(target_os = "linux")]
    pub(super) fn step(self) -> &'static str {
        match self {
            Self::Files => "restrict files",
            Self::Ports => "restrict ports",
            Self::Signals => "restrict signals",
            Self::Calls => "restrict calls of the kernel",
        }
    }
}

/// Which parts of the wall were raised, and which the system lacks or refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Raised {
    /// What this kernel can't do.
    pub missing: Vec<Part>,
    /// What this kernel may be able to do, and this process is not allowed to ask for, as in some containers.
    pub refused: Vec<Part>,
}

impl Raised {
    pub(super) fn extend(&mut self, other: Self) {
        self.missing.extend(other.missing);
        self.refused.extend(other.refused);
    }
}

/// Why the wall could not be raised.
#[derive(Debug, thiserror::Error)]
#[error("can't {step}: {reason}")]
pub struct WallError {
    step: &'static str,
    reason: String,
}

impl WallError {
    pub(super) fn new(step: &'static str, reason: &dyn std::fmt::Display) -> Self {
        Self { step, reason: reason.to_string() }
    }
}
