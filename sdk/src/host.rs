//! What the plugin tells the host while it works: how far it is, and why it panics.
//!
//! Outside WebAssembly there is no host, and these functions do nothing.

use std::panic::{self, PanicHookInfo};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::contract::host;
use crate::printed;

/// The record at hand, for the panic hook.
static CURRENT: AtomicU32 = AtomicU32::new(0);

/// Notes that the record at `index` is begun, and every `EVERY` records tells the host.
#[inline]
pub(crate) fn begin<const EVERY: u32>(index: u32) {
    CURRENT.store(index, Relaxed);
    if EVERY == 1 || (index != 0 && index.is_multiple_of(EVERY)) {
        progress(index);
    }
}

/// Sends the message of a panic to the host, in place of printing it.
pub(crate) fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        CURRENT.store(0, Relaxed);
        panic::set_hook(Box::new(|info| {
            printed::flush();
            host::panicked(CURRENT.load(Relaxed), &describe(info));
        }));
    });
}

#[inline(never)]
fn progress(done: u32) {
    if cfg!(target_family = "wasm") {
        host::progress(done);
    }
}

/// `attempt to divide by zero at src/lib.rs:12:5`
fn describe(info: &PanicHookInfo<'_>) -> String {
    let message = info.payload_as_str().unwrap_or("a panic without a message");
    match info.location() {
        Some(location) => format!("{message} at {location}"),
        None => message.to_owned(),
    }
}
