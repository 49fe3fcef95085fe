//! Raises the wall.

use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use super::{Raised, Rules, WallError};
use crate::Error;
use crate::files::Folder;

/// The wall around this process.
static RAISED: OnceLock<Raised> = OnceLock::new();

/// The wall around this process, if it was raised.
#[must_use]
pub fn raised() -> Option<&'static Raised> {
    RAISED.get()
}

/// Raises the wall around this process, for good: what `rules` do not allow is refused by the kernel from
/// now on. With a launcher, if they need one.
///
/// Call it before the process starts its first thread: threads that exist already are not walled in. If the rules
/// name programs or files to create, the program's `main` must call [`launcher::serve`](super::launcher::serve) and
/// return when its first argument is [`launcher::COMMAND`](super::launcher::COMMAND), before it does anything else:
/// the launcher is this program, started again.
///
/// # Errors
///
/// If the rules contradict themselves, if the process has threads already, if the launcher does not start, or if
/// the kernel fails at what it says it can do. What it can't do, or does not allow, is no error; it is in
/// [`Raised`].
pub fn raise(rules: &Rules) -> Result<&'static Raised, WallError> {
    if !is_alone() {
        return Err(WallError::new("raise the wall", &"the process has started threads already"));
    }
    let programs = super::programs::find(rules)?;
    if rules.need_launcher() {
        super::launcher::start(rules, &programs).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => WallError::new("start the launcher", &Error::thread(error)),
            _ => WallError::new("start the launcher", &error),
        })?;
    }
    #[cfg(target_os = "linux")]
    {
        super::inherited::close(rules)?;
        give_up_privileges()?;
        let mut raised = super::access::restrict(rules)?;
        raised.extend(super::syscalls::restrict(rules)?);
        Ok(RAISED.get_or_init(|| raised))
    }
    #[cfg(not(target_os = "linux"))]
    Ok(RAISED.get_or_init(|| Raised {
        missing: vec![super::Part::Files, super::Part::Ports, super::Part::Signals, super::Part::Calls],
        refused: Vec::new(),
    }))
}

/// How long a thread that has ended may still be listed.
const ENDING: Duration = Duration::from_millis(1);

/// How often it is checked.
const CHECKS: u32 = 1000;

/// Whether this is the process's only thread. True if the system does not tell.
fn is_alone() -> bool {
    let threads = || Ok::<_, io::Error>(Folder::open(Path::new("/proc/self/task"))?.names()?.len());
    for _ in 0..CHECKS {
        match threads() {
            Ok(2..) => thread::sleep(ENDING),
            _ => return true,
        }
    }
    false
}

/// What a privileged user keeps: rights over files, which landlock bounds, and low ports.
#[cfg(target_os = "linux")]
const KEPT: [caps::Capability; 5] = [
    caps::Capability::CAP_CHOWN,
    caps::Capability::CAP_DAC_OVERRIDE,
    caps::Capability::CAP_DAC_READ_SEARCH,
    caps::Capability::CAP_FOWNER,
    caps::Capability::CAP_NET_BIND_SERVICE,
];

/// Gives up what a privileged user has, and dumps of memory, which hold records.
#[cfg(target_os = "linux")]
fn give_up_privileges() -> Result<(), WallError> {
    use caps::CapSet;
    use rustix::process::{Resource, Rlimit, setrlimit};

    // Raising the soft limit again would only tell an attacker what it can read anyway.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let failed = |error: caps::errors::CapsError| WallError::new("give up privileges", &error);
    let permitted = caps::read(None, CapSet::Permitted).map_err(failed)?;
    let kept = permitted.intersection(&KEPT.into_iter().collect()).copied().collect();
    caps::set(None, CapSet::Effective, &kept).map_err(failed)?;
    caps::set(None, CapSet::Inheritable, &caps::CapsHashSet::new()).map_err(failed)?;
    caps::set(None, CapSet::Permitted, &kept).map_err(failed)
}
