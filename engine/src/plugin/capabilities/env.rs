//! Variables of the environment, for functions that were granted them.

use wasmtime_wasi::WasiCtxBuilder;

use crate::function::capability::Env;

/// Gives a variable, if this process has it.
pub(super) fn give(wasi: &mut WasiCtxBuilder, Env { name }: &Env) {
    if let Ok(value) = std::env::var(name) {
        wasi.env(name, value);
    }
}
