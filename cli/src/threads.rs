//! Threads of the command: if the system refuses one, one line says so.

use std::thread::{Builder, JoinHandle};

use anyhow::Context;
use engine::Error;
use tokio::runtime::Runtime;

/// Starts a thread.
pub(super) fn start<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, Error> {
    Builder::new().name(name.into()).spawn(work).map_err(Error::thread)
}

/// A runtime on this thread alone, for what asks for no names.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("can't start")
}

/// The same with a thread for what blocks, as to ask for the address of a name does. It is started now, when it can
/// be told that there is none, and stays.
pub(super) fn asking_runtime() -> anyhow::Result<Runtime> {
    const FOR_EVER: std::time::Duration = std::time::Duration::from_secs(1 << 32);
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().thread_keep_alive(FOR_EVER).build().context("can't start")?;
    // Tokio panics where the system refuses it.
    drop(start("engine-probe", || ())?.join());
    #[expect(clippy::disallowed_methods, reason = "there was room for it a moment ago")]
    drop(runtime.spawn_blocking(|| ()));
    Ok(runtime)
}
