//! Files that another process opens, replaces and rotates for this one, which may reach only few itself.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// A file that another process reaches: it and the names that belong to it, and nothing else in its folder.
pub(crate) trait Named: Debug + Send + Sync {
    /// Opens it for reading and writing, and creates it if it does not exist.
    fn open(&self, append: bool) -> io::Result<File>;

    /// Begins a draft of it, and discards an earlier one. Only its owner may use it if it is `private`.
    fn draft(&self, private: bool) -> io::Result<File>;

    /// Replaces the file by the draft, and returns when its name is on the disk.
    fn commit(&self) -> io::Result<()>;

    /// Removes the draft.
    fn discard(&self);

    /// Removes the file.
    fn remove(&self) -> io::Result<()>;

    /// Renames it and its older versions to the next older name.
    fn rotate(&self) -> io::Result<()>;
}

/// Finds files by their paths.
pub(crate) type Find = dyn Fn(&Path) -> Option<Arc<dyn Named>> + Send + Sync;

static FIND: OnceLock<Box<Find>> = OnceLock::new();

/// Makes this process reach files through `find` that it may not reach itself. Only the first call counts.
#[cfg(unix)]
pub(crate) fn reach_by(find: Box<Find>) {
    let _ = FIND.set(find);
}

/// The file as another process reaches it; or the error with which this process was refused.
pub(super) fn instead(error: io::Error, path: &Path) -> io::Result<Arc<dyn Named>> {
    let is_refused = error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_some();
    let found = FIND.get().filter(|_| is_refused).and_then(|find| find(path));
    found.ok_or(error)
}
