//! What the command asks of the system before all else.

use std::io;
use std::sync::Arc;

use engine::machine::Machine;

/// Files that may be open at once where the system lets us choose. Commands that a pipeline starts have the same
/// limit, and some of them look at each number below it.
#[cfg(unix)]
const DESCRIPTORS: u64 = 65_536;

/// Prepares this process: what it may open, and which signals of the system are no reason to end.
pub(super) fn prepare() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        raise_descriptors();
        survive_large_files()?;
    }
    Ok(())
}

/// Raises the limit on open files to the one that only the system's owner can raise.
#[cfg(unix)]
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(DESCRIPTORS, |maximum| maximum.min(DESCRIPTORS));
    if current.is_some_and(|current| current < wanted) {
        // With less it goes on as before.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
}

/// Makes a file that exceeds `ulimit -f` an error of the guest or sink that writes it, not the end of this process.
#[cfg(unix)]
fn survive_large_files() -> anyhow::Result<()> {
    use rustix::process::Signal;
    use tokio::signal::unix::{SignalKind, signal};

    let runtime = super::threads::runtime()?;
    let _context = runtime.enter();
    // What is heard once is never left to its default again. Commands that are started have the default.
    drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?);
    Ok(())
}

/// What is short, if an error says so in words that name no limit.
pub(super) fn shortage(error: &anyhow::Error) -> Option<String> {
    let mut causes = error.chain().filter_map(|cause| {
        let shared = cause.downcast_ref::<Arc<io::Error>>().map(AsRef::as_ref);
        shared.or_else(|| cause.downcast_ref::<io::Error>())
    });
    causes.find_map(|cause| Machine::here().shortage(cause))
}
