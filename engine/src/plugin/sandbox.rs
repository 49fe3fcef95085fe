//! What a guest finds around it: nothing but time that passes, and a place to leave messages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::sockets::SocketAddrUse;
use wasmtime_wasi::{
    Deterministic, HostWallClock, Rng, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView, thread_rng,
};

use crate::plugin::calls::hints::Hints;
use crate::plugin::calls::meter::Meter;
use crate::plugin::capabilities::dir::{FileContext, Files};
use crate::plugin::capabilities::grants::{Capability, Grants};
use crate::plugin::capabilities::net::sockets::Connection;
use crate::plugin::contract::engine::plugin::host::Host;
use crate::plugin::memory::Gauge;
use crate::plugin::output::{Draft, GuestStream, Messages, Output};

/// The most handles that a guest may hold at once.
pub(super) const HANDLES: usize = 1000;

/// The state of one instance's store.
pub(crate) struct Sandbox {
    pub(super) wasi: WasiCtx,
    pub(super) table: ResourceTable,
    pub(super) gauge: Gauge,
    pub(super) meter: Arc<Meter>,
    pub(super) hints: Hints,
    /// A sink's records each have a deadline of their own, which `progress` starts.
    deadline_per_record: bool,
    messages: Arc<Messages>,
    stdout: Arc<Mutex<Draft>>,
    stderr: Arc<Mutex<Draft>>,
    pub(super) grants: Grants,
    /// What it holds of the host; none if it was granted neither folders nor the network.
    pub(super) context: Option<Arc<FileContext>>,
    /// By their handles.
    pub(super) connections: HashMap<u32, Connection>,
}

impl Sandbox {
    /// `output` is where a sink's stdout goes; other functions have none.
    pub(super) fn new(
        gauge: Gauge,
        messages: Arc<Messages>,
        output: Option<Output>,
        grants: &Grants,
        context: Option<Arc<FileContext>>,
    ) -> Self {
        let (stdout, stderr) = (Arc::<Mutex<Draft>>::default(), Arc::<Mutex<Draft>>::default());
        let deadline_per_record = output.is_some();
        let out = match output {
            Some(output) => GuestStream::Output(output),
            None => GuestStream::Messages(messages.clone(), stdout.clone()),
        };
        let mut wasi = WasiCtx::builder();
        wasi.stdout(out)
            .stderr(GuestStream::Messages(messages.clone(), stderr.clone()))
            .secure_random(seed())
            .insecure_random(seed())
            .insecure_random_seed(SEED)
            .wall_clock(NoWallClock)
            .allow_tcp(false)
            .allow_udp(false);
        for capability in &grants.capabilities {
            give(&mut wasi, capability);
        }
        if grants.have_network() {
            let (grants, context) = (grants.clone(), context.clone());
            wasi.allow_tcp(true).allow_ip_name_lookup(true).socket_addr_check(move |address, purpose| {
                let (grants, context) = (grants.clone(), context.clone());
                Box::pin(async move {
                    match purpose {
                        SocketAddrUse::TcpConnect => grants.may_connect(address, context).await,
                        // As the system does for a connection.
                        SocketAddrUse::TcpBind => address.ip().is_unspecified() && address.port() == 0,
                        _ => false,
                    }
                })
            });
        }
        let (wasi, grants) = (wasi.build(), grants.clone());
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        let (meter, hints) = (Meter::new(), Hints::default());
        Self {
            wasi,
            table,
            gauge,
            meter,
            hints,
            deadline_per_record,
            messages,
            stdout,
            stderr,
            grants,
            context,
            connections: HashMap::new(),
        }
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
        if self.hints.progress(done) && self.deadline_per_record {
            self.meter.restart();
        }
    }

    fn panicked(&mut self, index: u32, message: String) {
        self.hints.panics(index, &message);
    }
}

/// Gives a guest what it was granted; folders and the network are not among it.
fn give(wasi: &mut WasiCtxBuilder, capability: &Capability) {
    match capability {
        Capability::Env { name } => {
            if let Ok(value) = std::env::var(name) {
                wasi.env(name, value);
            }
        }
        Capability::Clock => drop(wasi.wall_clock(WallClock)),
        Capability::Random => {
            let mut seed = thread_rng();
            wasi.insecure_random_seed(u128::from(seed.next_u64()) << 64 | u128::from(seed.next_u64()));
            wasi.secure_random(thread_rng()).insecure_random(thread_rng());
        }
        Capability::Dir { .. } | Capability::Net { .. } => {}
    }
}

impl Sandbox {
    pub(super) fn files(&mut self) -> Files<'_> {
        Files::new(&mut self.table, self.context.as_ref())
    }
}

/// Two instances draw the same numbers, so that a record gives the same output on each.
const SEED: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834;

fn seed() -> Deterministic {
    Deterministic::new(SEED.to_le_bytes().to_vec())
}

/// The time of day, for those that were granted it.
struct WallClock;

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

/// The time of day is a capability: for others it is always 1970.
struct NoWallClock;

impl HostWallClock for NoWallClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}
