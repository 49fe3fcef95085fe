//! The time of day, for functions that were granted it; for the others it is always 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime_wasi::{HostWallClock, WasiCtxBuilder};

/// Gives the time of day.
pub(super) fn give(wasi: &mut WasiCtxBuilder) {
    wasi.wall_clock(WallClock);
}

/// Takes the time of day away.
pub(super) fn withhold(wasi: &mut WasiCtxBuilder) {
    wasi.wall_clock(NoWallClock);
}

struct WallClock;

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

struct NoWallClock;

impl HostWallClock for NoWallClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}
