//! Why instances were given up, and why calls were repeated.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many instances of a function were given up, by the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Retired {
    /// Their memory had grown to more than half of its limit.
    pub grown: u64,
    /// Isolation gives each batch or record an instance of its own.
    pub isolated: u64,
    /// A record failed in a call of its own.
    pub failed: u64,
    /// Their call was cut short and [repeated](Repeated).
    pub repeated: u64,
    /// Workers of a cluster gave them up.
    pub elsewhere: u64,
}

/// How many calls of a function were cut short and repeated, by the reason. No record is lost by that, and none is run
/// again whose effects count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Repeated {
    /// A call of several records took longer than such a call may: its records ran one by one, each with the whole
    /// time limit.
    pub slow: u64,
    /// A call of several records failed: it was repeated in parts, to find the record.
    pub failed: u64,
    /// Memory was short, or earlier records had filled it: the record ran again on a new instance.
    pub memory: u64,
}

impl Retired {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        let Self { grown, isolated, failed, repeated, elsewhere } = self;
        grown + isolated + failed + repeated + elsewhere
    }
}

impl Repeated {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        let Self { slow, failed, memory } = self;
        slow + failed + memory
    }
}

/// The reasons, as in `2 had grown, 1 after a failed record`.
impl fmt::Display for Retired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { grown, isolated, failed, repeated, elsewhere } = self;
        reasons(
            f,
            &[
                (*grown, "had grown beyond half of the memory limit"),
                (*isolated, "as isolation asks"),
                (*failed, "after a failed record"),
                (*repeated, "with a call that was repeated"),
                (*elsewhere, "on workers"),
            ],
        )
    }
}

/// The reasons, as in `2 were slow, 1 failed`.
impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slow, failed, memory } = self;
        reasons(
            f,
            &[
                (*slow, "took longer than 100 ms for several records"),
                (*failed, "failed for one of several records"),
                (*memory, "lacked memory"),
            ],
        )
    }
}

fn reasons(f: &mut fmt::Formatter<'_>, reasons: &[(u64, &str)]) -> fmt::Result {
    let given = reasons.iter().filter(|(count, _)| *count > 0);
    let given: Vec<_> = given.map(|(count, reason)| format!("{count} {reason}")).collect();
    f.write_str(&given.join(", "))
}

/// Why an instance is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retirement {
    /// Its memory has grown.
    Grown,
    /// The next records are to find another one.
    Isolated,
    /// A record failed in a call of its own.
    Failed,
    /// A call of several records took too long, and is repeated.
    Slow,
    /// A call of several records failed, and is repeated.
    Suspect,
    /// A call lacked memory, and is repeated.
    Memory,
}

impl Retirement {
    /// How many there are.
    const COUNT: usize = 6;

    /// Whether the call is repeated, so that nothing has failed so far.
    pub(crate) fn repeats(self) -> bool {
        matches!(self, Self::Slow | Self::Suspect | Self::Memory)
    }
}

/// Counts them.
#[derive(Default)]
pub(super) struct Retirements {
    by_reason: [AtomicU64; Retirement::COUNT],
    elsewhere: AtomicU64,
}

impl Retirements {
    pub(super) fn count(&self, why: Retirement) {
        self.by_reason[why as usize].fetch_add(1, Relaxed);
    }

    /// Counts those of workers, whose reasons are not known here.
    #[cfg(feature = "cluster")]
    pub(super) fn count_elsewhere(&self, more: u64) {
        self.elsewhere.fetch_add(more, Relaxed);
    }

    fn of(&self, why: Retirement) -> u64 {
        self.by_reason[why as usize].load(Relaxed)
    }

    pub(super) fn retired(&self) -> Retired {
        Retired {
            grown: self.of(Retirement::Grown),
            isolated: self.of(Retirement::Isolated),
            failed: self.of(Retirement::Failed),
            repeated: self.repeated().total(),
            elsewhere: self.elsewhere.load(Relaxed),
        }
    }

    pub(super) fn repeated(&self) -> Repeated {
        Repeated {
            slow: self.of(Retirement::Slow),
            failed: self.of(Retirement::Suspect),
            memory: self.of(Retirement::Memory),
        }
    }
}
