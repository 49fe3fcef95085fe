//! Random numbers for guests: so many bytes a call, and a refusal that says so.

use wasmtime::component::HasData;
use wasmtime_wasi::p2::bindings::random::{insecure, random};
use wasmtime_wasi::random::WasiRandomCtx;

use crate::fault::Resource;
use crate::plugin::refusal::Refusal;
use crate::plugin::sandbox::Sandbox;

/// The most bytes that one call gives.
const MOST: u64 = 64 << 10;

/// The numbers that WASI gives, of which a guest may have so many at once.
pub(in crate::plugin) struct BoundedRandom;

impl HasData for BoundedRandom {
    type Data<'a> = Bounded<'a>;
}

/// See [`BoundedRandom`].
pub(in crate::plugin) struct Bounded<'a>(&'a mut WasiRandomCtx);

impl Sandbox {
    pub(in crate::plugin) fn random(&mut self) -> Bounded<'_> {
        Bounded(self.wasi.random())
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
