//! What a guest finds around it: nothing but time that passes, and a place to leave messages.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::{self, ResolveAddressStream};
use wasmtime_wasi::p2::bindings::sockets::network::{self, ErrorCode, IpAddress};
use wasmtime_wasi::p2::{DynPollable, Network, SocketError};
use wasmtime_wasi::sockets::{SocketAddrUse, WasiSocketsCtxView, WasiSocketsView};
use wasmtime_wasi::{
    Deterministic, HostWallClock, Rng, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView, thread_rng,
};

use super::contract::engine::plugin::host::Host;
use super::files::{FileContext, Files};
use super::grants::{Capability, Grants};
use super::hints::Hints;
use super::ledger::Ledger;
use super::memory::Gauge;
use super::meter::Meter;
use super::output::{Draft, GuestStream, Messages, Output};

/// The most handles that a guest may hold at once.
pub(super) const HANDLES: usize = 1000;

/// The state of one instance's store.
pub(crate) struct Sandbox {
    pub(super) wasi: WasiCtx,
    table: ResourceTable,
    pub(super) gauge: Gauge,
    pub(super) meter: Arc<Meter>,
    pub(super) hints: Hints,
    /// A sink's records each have a deadline of their own, which `progress` starts.
    deadline_per_record: bool,
    messages: Arc<Messages>,
    stdout: Arc<Mutex<Draft>>,
    stderr: Arc<Mutex<Draft>>,
    grants: Grants,
    /// The folders that it was granted, if any.
    files: Option<Arc<FileContext>>,
}

impl Sandbox {
    /// `output` is where a sink's stdout goes; other functions have none.
    ///
    /// # Errors
    ///
    /// If a folder that was granted can't be opened.
    pub(super) fn new(
        gauge: Gauge,
        messages: Arc<Messages>,
        output: Option<Output>,
        grants: &Grants,
        ledger: &Arc<Ledger>,
    ) -> wasmtime::Result<Self> {
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
            let grants = grants.clone();
            wasi.allow_tcp(true).allow_ip_name_lookup(true).socket_addr_check(move |address, purpose| {
                let grants = grants.clone();
                Box::pin(async move {
                    match purpose {
                        SocketAddrUse::TcpConnect => grants.may_connect(address).await,
                        // As the system does for a connection.
                        SocketAddrUse::TcpBind => address.ip().is_unspecified() && address.port() == 0,
                        _ => false,
                    }
                })
            });
        }
        let files = FileContext::open(grants, ledger)?;
        let (wasi, grants) = (wasi.build(), grants.clone());
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        let (meter, hints) = (Meter::new(), Hints::default());
        Ok(Self {
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
            files,
        })
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

/// Names that the guest may ask for are those of hosts that it was granted.
pub(super) struct GrantedNames;

impl HasData for GrantedNames {
    type Data<'a> = Names<'a>;
}

/// See [`GrantedNames`].
pub(super) struct Names<'a>(&'a mut Sandbox);

impl Sandbox {
    pub(super) fn names(&mut self) -> Names<'_> {
        Names(self)
    }

    pub(super) fn files(&mut self) -> Files<'_> {
        Files::new(&mut self.table, self.files.as_ref())
    }
}

impl Names<'_> {
    fn sockets(&mut self) -> WasiSocketsCtxView<'_> {
        WasiSocketsView::sockets(self.0)
    }
}

impl network::Host for Names<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        self.sockets().convert_error_code(error)
    }

    fn network_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        self.sockets().network_error_code(error)
    }
}

impl network::HostNetwork for Names<'_> {
    fn drop(&mut self, network: Resource<Network>) -> wasmtime::Result<()> {
        network::HostNetwork::drop(&mut self.sockets(), network)
    }
}

impl ip_name_lookup::Host for Names<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<Network>,
        name: String,
    ) -> Result<Resource<ResolveAddressStream>, SocketError> {
        if !self.0.grants.may_resolve(&name) {
            return Err(ErrorCode::AccessDenied.into());
        }
        self.sockets().resolve_addresses(network, name)
    }
}

impl ip_name_lookup::HostResolveAddressStream for Names<'_> {
    fn resolve_next_address(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> Result<Option<IpAddress>, SocketError> {
        self.sockets().resolve_next_address(stream)
    }

    fn subscribe(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        self.sockets().subscribe(stream)
    }

    fn drop(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<()> {
        ip_name_lookup::HostResolveAddressStream::drop(&mut self.sockets(), stream)
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
