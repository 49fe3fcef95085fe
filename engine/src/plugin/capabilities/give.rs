//! Gives an instance what its function was granted, and withholds the rest.

use std::sync::Arc;

use wasmtime_wasi::WasiCtxBuilder;

use super::dir::FileContext;
use super::grants::Grants;
use super::{clock, env, net, random};
use crate::function::Capability;

/// Sets up WASI for an instance. Folders and the clock are not part of it: the host has its own for guests.
pub(in crate::plugin) fn give(
    wasi: &mut WasiCtxBuilder,
    grants: &Grants,
    context: Option<&Arc<FileContext>>,
) {
    clock::withhold(wasi);
    random::withhold(wasi);
    net::connections::withhold(wasi);
    for capability in &grants.capabilities {
        match capability {
            Capability::Env(variable) => env::give(wasi, variable),
            Capability::Random(_) => random::give(wasi),
            Capability::Clock(_) | Capability::Dir(_) | Capability::Net(_) => {}
        }
    }
    if grants.have_network() {
        net::connections::give(wasi, &grants.hosts, context);
    }
}
