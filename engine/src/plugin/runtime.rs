//! The wasmtime engine that a pool owns, with the functions of the host that it links.

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig};
use wasmtime_wasi::p2::bindings::clocks::wall_clock;
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types as filesystem};
use wasmtime_wasi::p2::bindings::random::{insecure, random};
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup;

use crate::Error;
use crate::error::SystemError;
use crate::machine::ScarceAddressSpace;
use crate::plugin::capabilities::clock::GrantedClock;
use crate::plugin::capabilities::dir::GrantedFiles;
use crate::plugin::capabilities::net::guest::GrantedNetwork;
use crate::plugin::capabilities::net::sockets;
use crate::plugin::capabilities::random::BoundedRandom;
use crate::plugin::contract::StreamPlugin;
use crate::plugin::memory::CORE_ITEMS;
use crate::plugin::sandbox::Sandbox;
use crate::plugin::sandbox::ticker::Ticker;

/// The host's own calls on a guest's stack find this much, in bytes.
const HOST_STACK: usize = 3 << 19;

/// What all plugins of a pool share: the compiler's settings, the host's functions, the epoch.
pub(crate) struct Runtime {
    pub(super) engine: Engine,
    pub(super) linker: Linker<Sandbox>,
    pub(super) ticker: Ticker,
}

impl Runtime {
    /// `stack` is what a guest's calls may take, in bytes. With `slots`, there are no more instances than
    /// that at once, and they take one another's place fast. Only if it is `bounded` a busy guest is
    /// interrupted.
    pub(crate) fn new(stack: usize, slots: Option<usize>, bounded: bool) -> Result<Self, Error> {
        let wrong = |error: wasmtime::Error| Error::System(SystemError::Sandbox { reason: refused(&error) });
        let (engine, linker) = Self::build(stack, slots, bounded).map_err(wrong)?;
        let ticker = Ticker::spawn(engine.clone())?;
        Ok(Self { engine, linker, ticker })
    }

    fn build(
        stack: usize,
        slots: Option<usize>,
        bounded: bool,
    ) -> wasmtime::Result<(Engine, Linker<Sandbox>)> {
        let mut config = config();
        config
            .epoch_interruption(bounded)
            .max_wasm_stack(stack)
            .async_stack_size(stack.saturating_add(HOST_STACK));
        if let Some(slots) = slots.filter(|_| ScarceAddressSpace::here().is_none()) {
            config.allocation_strategy(pooling(slots));
        }
        let engine = Engine::new(&config)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        linker.allow_shadowing(true);
        ip_name_lookup::add_to_linker::<Sandbox, GrantedNetwork>(&mut linker, Sandbox::network)?;
        wall_clock::add_to_linker::<Sandbox, GrantedClock>(&mut linker, Sandbox::clock)?;
        random::add_to_linker::<Sandbox, BoundedRandom>(&mut linker, Sandbox::random)?;
        insecure::add_to_linker::<Sandbox, BoundedRandom>(&mut linker, Sandbox::random)?;
        filesystem::add_to_linker::<Sandbox, GrantedFiles>(&mut linker, Sandbox::files)?;
        preopens::add_to_linker::<Sandbox, GrantedFiles>(&mut linker, Sandbox::files)?;
        sockets::add_to_linker(&mut linker, Sandbox::network)?;
        linker.allow_shadowing(false);
        StreamPlugin::add_to_linker::<Sandbox, HasSelf<Sandbox>>(&mut linker, |sandbox| sandbox)?;
        Ok((engine, linker))
    }
}

/// What the system refused, and what it may lack.
pub(super) fn refused(error: &wasmtime::Error) -> String {
    match ScarceAddressSpace::here() {
        Some(scarce) => format!("{error:#}; {scarce}"),
        None => format!("{error:#}"),
    }
}

/// The settings by which plugins are compiled and run. A process that compiles has the limits of the one that started
/// it, and so the same settings.
pub(super) fn config() -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    if ScarceAddressSpace::here().is_some() {
        // Compiled code then checks bounds, and a memory that grows may move.
        config.memory_reservation(0).memory_guard_size(64 << 10).memory_reservation_for_growth(1 << 20);
    }
    // The limiter bounds what memories may hold; wasmtime reserves address space for all that they could
    // address, so that compiled code does without bounds checks. Their first contents are copied: mapped
    // copy-on-write they would cost each instance another mapping, of which Linux allows 65,530, and
    // the kernel takes longer over it than the copy does (10,000 instances: 1.5 s of 1 s sleeps, not 2.1).
    config.memory_init_cow(false);
    // A memory with pages of one byte fails to grow without having been granted anything (see `Gauge`).
    config.wasm_custom_page_sizes(false);
    config
}

/// Room for `slots` instances, kept when they go: mapping memory anew takes twice as long as all else that a
/// fresh instance needs.
fn pooling(slots: usize) -> PoolingAllocationConfig {
    let count = |each: usize| u32::try_from(slots.saturating_mul(each)).unwrap_or(u32::MAX);
    let mut pooling = PoolingAllocationConfig::new();
    pooling.total_component_instances(count(1)).total_stacks(count(1));
    // Components of other languages have several memories and many modules; few run at once.
    pooling.total_core_instances(count(CORE_ITEMS)).total_memories(count(1)).total_tables(count(3));
    let most = u32::try_from(CORE_ITEMS).unwrap_or(u32::MAX);
    pooling.max_memories_per_component(most).max_tables_per_component(most);
    pooling.max_core_instances_per_component(most);
    pooling.max_memory_size(4 << 30).table_elements(20_000);
    pooling
        .linear_memory_keep_resident(4 << 20)
        .table_keep_resident(1 << 20)
        .async_stack_keep_resident(64 << 10);
    pooling.pagemap_scan(Enabled::Auto);
    pooling
}
