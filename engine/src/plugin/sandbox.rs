//! What a guest finds around it: nothing but time that passes, and a place to leave messages.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{Deterministic, HostWallClock, WasiCtx, WasiCtxView, WasiView};

use super::contract::engine::plugin::host::Host;
use super::memory::Gauge;
use super::meter::Meter;
use super::output::{Draft, GuestStream, Messages, Output};

/// The most handles that a guest may hold at once.
const HANDLES: usize = 1000;

/// The state of one instance's store.
pub(crate) struct Sandbox {
    wasi: WasiCtx,
    table: ResourceTable,
    pub(super) gauge: Gauge,
    pub(super) meter: Arc<Meter>,
    pub(super) hints: Hints,
    /// A sink's records each have a deadline of their own, which `progress` starts.
    deadline_per_record: bool,
    messages: Arc<Messages>,
    stdout: Arc<Mutex<Draft>>,
    stderr: Arc<Mutex<Draft>>,
}

/// What the guest said of the call at hand. To be confirmed before it is believed.
#[derive(Default)]
pub(super) struct Hints {
    /// The inputs of the call.
    pub(super) records: u32,
    /// So many of them are done.
    pub(super) done: u32,
    /// This input made it panic, with this message.
    pub(super) panicked: Option<(u32, String)>,
}

impl Sandbox {
    /// `output` is where a sink's stdout goes; other functions have none.
    pub(super) fn new(gauge: Gauge, messages: Arc<Messages>, output: Option<Output>) -> Self {
        let (stdout, stderr) = (Arc::<Mutex<Draft>>::default(), Arc::<Mutex<Draft>>::default());
        let deadline_per_record = output.is_some();
        let out = match output {
            Some(output) => GuestStream::Output(output),
            None => GuestStream::Messages(messages.clone(), stdout.clone()),
        };
        let wasi = WasiCtx::builder()
            .stdout(out)
            .stderr(GuestStream::Messages(messages.clone(), stderr.clone()))
            .secure_random(seed())
            .insecure_random(seed())
            .insecure_random_seed(SEED)
            .max_random_size(64 << 10)
            .wall_clock(NoWallClock)
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        let (meter, hints) = (Meter::new(), Hints::default());
        Self { wasi, table, gauge, meter, hints, deadline_per_record, messages, stdout, stderr }
    }

    /// The end of what the guest wrote to stderr.
    pub(super) fn stderr(&self) -> String {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).tail()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for draft in [&self.stdout, &self.stderr] {
            draft.lock().unwrap_or_else(PoisonError::into_inner).finish(&self.messages);
        }
    }
}

impl WasiView for Sandbox {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl Host for Sandbox {
    fn progress(&mut self, done: u32) {
        // A record that was begun anew would have its time again, and again.
        let next = done > self.hints.done && done < self.hints.records;
        self.hints.done = done;
        if self.deadline_per_record && next {
            self.meter.restart();
        }
    }

    fn panicked(&mut self, index: u32, message: String) {
        self.hints.panicked = Some((index, message));
    }
}

/// Two instances draw the same numbers, so that a record gives the same output on each.
const SEED: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834;

fn seed() -> Deterministic {
    Deterministic::new(SEED.to_le_bytes().to_vec())
}

/// The time of day is a capability that no function has: it is always 1970 here.
struct NoWallClock;

impl HostWallClock for NoWallClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}
