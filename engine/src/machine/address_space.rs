//! How much this process may map, which some systems limit (`ulimit -v`).

use bytesize::ByteSize;

/// With less address space than this, nothing is reserved ahead: memories that reserve all that they could address take
/// 4 GiB each.
const AMPLE: u64 = 1 << 40;

/// What an instance takes while it is small: its memory, its stack, and a copy of its memory while that grows.
const EACH: u64 = 8 << 20;

/// The address space that this process may have, if it is limited to so little that nothing should be reserved ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScarceAddressSpace {
    /// In bytes.
    limit: u64,
}

impl ScarceAddressSpace {
    /// The limit of this process, if it is scarce.
    pub(crate) fn here() -> Option<Self> {
        #[cfg(unix)]
        let limit = rustix::process::getrlimit(rustix::process::Resource::As).current;
        #[cfg(not(unix))]
        let limit = None;
        limit.filter(|limit| *limit < AMPLE).map(|limit| Self { limit })
    }

    /// How many instances there is room for: half of it is for the host.
    pub(crate) fn most_instances(self) -> usize {
        usize::try_from(self.limit / 2 / EACH).unwrap_or(usize::MAX).max(1)
    }
}

/// What is short, and what allows more.
impl std::fmt::Display for ScarceAddressSpace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "this process may have {} of address space (raise ulimit -v)", ByteSize(self.limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_scarce_address_space_is_for_instances() {
        let scarce = |limit| ScarceAddressSpace { limit };
        assert_eq!([1 << 20, 4 << 30].map(|limit| scarce(limit).most_instances()), [1, 256]);
        let told = "this process may have 4.0 GiB of address space (raise ulimit -v)";
        assert_eq!(scarce(4 << 30).to_string(), told);
    }
}
