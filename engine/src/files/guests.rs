//! Keeps track of the folders that functions may write, which the host doesn't trust.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::Folder;

/// Identifies a file or folder independent of its name: its device, and its number there.
pub(super) type Id = (u64, u64);

/// What this process knows about folders.
#[derive(Default)]
struct Known {
    /// Folders that functions may write, with the number of grants.
    written: HashMap<Id, usize>,
    /// Folders in or below which the host has followed a link.
    linked: HashSet<Id>,
    /// Folders in or below which the host keeps files that it trusts.
    trusted: HashSet<Id>,
}

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

fn lock() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a function may write one of these folders.
pub(super) fn may_write(folders: &[Id]) -> bool {
    let known = lock();
    !known.written.is_empty() && folders.iter().any(|folder| known.written.contains_key(folder))
}

/// Notes that the host is about to follow a link in the last of these folders, each of which is in the one before.
pub(super) fn follow_link(folders: &[Id]) -> io::Result<()> {
    let mut known = lock();
    if folders.iter().any(|folder| known.written.contains_key(folder)) {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "a link leads there from a folder that a function may write",
        ));
    }
    known.linked.extend(folders);
    Ok(())
}

/// Notes that the host trusts the files in the last of these folders. False if a function may write there.
pub(super) fn trust(folders: &[Id]) -> bool {
    let mut known = lock();
    if folders.iter().any(|folder| known.written.contains_key(folder)) {
        return false;
    }
    known.trusted.extend(folders);
    true
}

/// A folder that functions were granted. It is opened once, so it stays the same folder even if its name changes.
///
/// While this exists, the host follows no link in a folder that functions may write.
pub struct Granted {
    folder: Folder,
    written: Option<Id>,
    path: PathBuf,
}

impl Granted {
    /// Opens a folder that functions may read, and write unless it is `read_only`.
    ///
    /// # Errors
    ///
    /// If it is not a folder or can't be opened, or if functions that write to it could make the host use other files.
    pub fn open(path: &Path, read_only: bool) -> io::Result<Self> {
        let folder = Folder::open(path)?;
        let written = match folder.id() {
            Some(id) if !read_only => Some(id),
            _ => None,
        };
        if let Some(id) = written {
            let known = &mut *lock();
            let refused = |reason| Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
            if known.trusted.contains(&id) {
                return refused("the engine keeps compiled plugins there, which functions must not write");
            }
            if known.linked.contains(&id) {
                return refused("the engine has followed a link there, which functions could change");
            }
            *known.written.entry(id).or_default() += 1;
        }
        Ok(Self { folder, written, path: path.to_owned() })
    }

    /// A path to the folder that was opened, in this process.
    #[must_use]
    pub fn opened(&self) -> PathBuf {
        self.folder.path().unwrap_or_else(|| self.path.clone())
    }
}

impl Drop for Granted {
    fn drop(&mut self) {
        let Some(id) = self.written else { return };
        let mut known = lock();
        if let Some(grants) = known.written.get_mut(&id) {
            *grants -= 1;
            if *grants == 0 {
                known.written.remove(&id);
            }
        }
    }
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Granted").field(&self.path).finish()
    }
}
