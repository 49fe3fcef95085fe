//! Files that are opened, replaced and rotated outside of this process, which may do so itself with few.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// A file that is reached outside: it and the names that belong to it, and nothing else in its folder.
pub(crate) trait Named: Debug + Send + Sync {
    /// Opens it to read and write it, and makes it if it is not there.
    fn open(&self, append: bool) -> io::Result<File>;

    /// Begins a draft of it, in the place of one that was begun before. Only its owner may use it if it is `private`.
    fn draft(&self, private: bool) -> io::Result<File>;

    /// Puts the draft in the file's place, and returns once its name is on the disk.
    fn commit(&self) -> io::Result<()>;

    /// Removes the draft.
    fn discard(&self);

    /// Removes the file.
    fn remove(&self) -> io::Result<()>;

    /// Gives it, and those that it had the name of before, the name of the next older one.
    fn rotate(&self) -> io::Result<()>;
}

/// Finds files by their names.
pub(crate) type Find = dyn Fn(&Path) -> Option<Arc<dyn Named>> + Send + Sync;

static FIND: OnceLock<Box<Find>> = OnceLock::new();

/// From now on files that this process may not reach are reached by what `find` finds. The first one stays.
#[cfg(unix)]
pub(crate) fn reach_by(find: Box<Find>) {
    let _ = FIND.set(find);
}

/// The file outside, if that is how this process reaches it; else the system's error with which it was refused here.
pub(super) fn instead(error: io::Error, path: &Path) -> io::Result<Arc<dyn Named>> {
    let is_refused = error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_some();
    let found = FIND.get().filter(|_| is_refused).and_then(|find| find(path));
    found.ok_or(error)
}
