//! Random numbers: the same for every instance unless granted, and a bounded number of bytes per call.

use wasmtime::component::HasData;
use wasmtime_wasi::p2::bindings::random::{insecure, random};
use wasmtime_wasi::random::WasiRandomCtx;
use wasmtime_wasi::{Deterministic, Rng, WasiCtxBuilder, thread_rng};

use crate::fault::Resource;
use crate::plugin::refusal::Refusal;

/// All instances draw the same numbers, so that a record gives the same output on each.
const SEED: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834;

/// Gives numbers that cannot be predicted.
pub(super) fn give(wasi: &mut WasiCtxBuilder) {
    let mut seed = thread_rng();
    wasi.insecure_random_seed(u128::from(seed.next_u64()) << 64 | u128::from(seed.next_u64()));
    wasi.secure_random(thread_rng()).insecure_random(thread_rng());
}

/// Gives the same numbers to each instance.
pub(super) fn withhold(wasi: &mut WasiCtxBuilder) {
    let fixed = || Deterministic::new(SEED.to_le_bytes().to_vec());
    wasi.secure_random(fixed()).insecure_random(fixed()).insecure_random_seed(SEED);
}

/// The most bytes that one call gives.
const MOST: u64 = 64 << 10;

/// WASI's random numbers, with a limit on how many a guest gets at once.
pub(in crate::plugin) struct BoundedRandom;

impl HasData for BoundedRandom {
    type Data<'a> = Bounded<'a>;
}

/// See [`BoundedRandom`].
pub(in crate::plugin) struct Bounded<'a>(&'a mut WasiRandomCtx);

impl<'a> Bounded<'a> {
    pub(in crate::plugin) fn new(random: &'a mut WasiRandomCtx) -> Self {
        Self(random)
    }
}

fn bounded(bytes: u64) -> Result<u64, Refusal> {
    let refusal = Refusal { resource: Resource::RandomBytes, limit: MOST };
    if bytes > MOST { Err(refusal) } else { Ok(bytes) }
}

impl random::Host for Bounded<'_> {
    fn get_random_bytes(&mut self, bytes: u64) -> wasmtime::Result<Vec<u8>> {
        self.0.get_random_bytes(bounded(bytes)?)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.0.get_random_u64()
    }
}

impl insecure::Host for Bounded<'_> {
    fn get_insecure_random_bytes(&mut self, bytes: u64) -> wasmtime::Result<Vec<u8>> {
        self.0.get_insecure_random_bytes(bounded(bytes)?)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.0.get_insecure_random_u64()
    }
}
