//! Descriptors that were open before this process began.

use std::collections::BTreeSet;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::OnceLock;

use super::rules::target;
use super::{Rules, WallError};
use crate::files::Folder;

/// Where this process's descriptors are listed.
const LIST: &str = "/proc/self/fd";

/// Those that came with this process.
static INHERITED: OnceLock<Result<BTreeSet<RawFd>, String>> = OnceLock::new();

/// Notes which descriptors this process has inherited, but stdin, stdout and stderr. [`raise`](super::raise) closes
/// those that its rules do not name, as `/dev/fd/3`. Call it first in `main`: what is open by then counts as
/// inherited.
pub fn note_inherited() {
    INHERITED.get_or_init(|| {
        let listed = Folder::open(Path::new(LIST)).and_then(|folder| folder.names());
        let listed = listed.map_err(|error| format!("{LIST}: {error} (mount /proc)"))?;
        let numbers = listed.iter().filter_map(|name| name.to_str()?.parse().ok());
        // What listed them is closed by now.
        Ok(numbers.filter(|number| *number > 2 && is_open(*number)).collect())
    });
}

fn is_open(number: RawFd) -> bool {
    Path::new(LIST).join(number.to_string()).symlink_metadata().is_ok()
}

/// Closes what this process has inherited and the rules do not name.
pub(super) fn close(rules: &Rules) -> Result<(), WallError> {
    let Some(inherited) = INHERITED.get() else { return Ok(()) };
    let failed = |error: &String| WallError::new("close what this process has inherited", error);
    let inherited = inherited.as_ref().map_err(failed)?;
    let files = rules.creates.iter().chain(&rules.replaces).chain(rules.rotates.keys());
    let named: BTreeSet<_> =
        rules.reads.iter().chain(&rules.writes).chain(files).filter_map(|path| descriptor(path)).collect();
    for number in inherited.iter().filter(|number| !named.contains(number)) {
        if is_open(*number) {
            close_inherited(*number);
        }
    }
    Ok(())
}

/// The descriptor that a path stands for.
fn descriptor(path: &Path) -> Option<RawFd> {
    let path = target(path);
    let number = path.file_name()?.to_str()?.parse().ok()?;
    let list = path.parent()?.canonicalize().ok()?;
    let own = Path::new("/proc/self").canonicalize().ok()?;
    (list.starts_with(own) && list.ends_with("fd")).then_some(number)
}

#[expect(unsafe_code, reason = "nothing in this process stands for what it has inherited")]
fn close_inherited(number: RawFd) {
    // SAFETY: it was open before this process opened anything, so nothing here owns it, and it still is.
    drop(unsafe { OwnedFd::from_raw_fd(number) });
}
