//! The time of day, for functions that were granted it.
//!
//! For the others it is a fault to ask for it, or always the first second of 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime::component::HasData;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::{self, Datetime};
use wasmtime_wasi::{HostWallClock, WasiCtxBuilder};

use super::grants::Grants;
use crate::function::capability::{Clock, Grant};

/// The clock as the linker names it.
pub(in crate::plugin) struct GrantedClock;

impl HasData for GrantedClock {
    type Data<'a> = GuestClock<'a>;
}

/// The time of day as one guest sees it.
pub(in crate::plugin) struct GuestClock<'a>(pub(in crate::plugin) &'a Grants);

impl wall_clock::Host for GuestClock<'_> {
    fn now(&mut self) -> wasmtime::Result<Datetime> {
        if !self.0.have_clock() {
            self.0.undeclared.check(Clock::NAME)?;
            self.0.undeclared.note_frozen_clock();
            return Ok(Datetime { seconds: 0, nanoseconds: 0 });
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() })
    }

    fn resolution(&mut self) -> wasmtime::Result<Datetime> {
        let (seconds, nanoseconds) = if self.0.have_clock() { (0, 1) } else { (1, 0) };
        Ok(Datetime { seconds, nanoseconds })
    }
}

/// Takes the time of day away from the rest of WASI.
pub(super) fn withhold(wasi: &mut WasiCtxBuilder) {
    wasi.wall_clock(NoWallClock);
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
