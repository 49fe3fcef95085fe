//! Numbers that no other process has.

use std::time::{SystemTime, UNIX_EPOCH};

/// A number that no other process has.
pub(crate) fn random() -> u64 {
    let mut bytes = [0; 8];
    // Where the system has none, time is what is left.
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => milliseconds(),
    }
}

/// The first epoch of a run: later than that of any before it.
pub(super) fn first_epoch() -> u64 {
    milliseconds()
}

/// Since 1970.
fn milliseconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
