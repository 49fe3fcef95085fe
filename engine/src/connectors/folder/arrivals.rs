//! Finds the files of a folder that are complete and were not read yet.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use crate::files::Folder;
use crate::threads;

/// The files of a folder. Keeps the name of each file that is in it.
pub(crate) struct Arrivals {
    names: Mutex<Names>,
    changed: Notify,
}

#[derive(Default)]
struct Names {
    waiting: BTreeSet<OsString>,
    read: HashSet<OsString>,
    /// Created since the folder is watched, and not closed yet.
    growing: HashSet<OsString>,
    /// The size and time of unread files at the last scan, which may be growing.
    scanned: BTreeMap<OsString, (u64, Option<SystemTime>)>,
    /// Names that were read and are not there any more.
    gone: Vec<OsString>,
    /// The system does not report every change, so the folder must be scanned.
    polled: bool,
}

impl Arrivals {
    /// Begins to watch a folder if `watched`. The watcher must be kept as long as the folder is watched.
    pub(crate) fn watch(folder: &Path, watched: bool) -> (Arc<Self>, Option<RecommendedWatcher>) {
        let arrivals = Arc::new(Self { names: Mutex::default(), changed: Notify::new() });
        let told = arrivals.clone();
        let watcher = (watched && threads::need(1).is_ok()).then(|| {
            let mut watcher = notify::recommended_watcher(move |event| told.hear(event))?;
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
            Ok::<_, notify::Error>(watcher)
        });
        let watcher = watcher.and_then(Result::ok);
        // Only Linux reports that a file was closed.
        arrivals.names().polled = watcher.is_none() || !cfg!(target_os = "linux");
        (arrivals, watcher)
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files to read, by name.
    pub(crate) fn waiting(&self) -> Vec<OsString> {
        self.names().waiting.iter().cloned().collect()
    }

    /// The next file to read, by name.
    pub(crate) fn next(&self) -> Option<OsString> {
        let mut names = self.names();
        let name = names.waiting.pop_first()?;
        names.read.insert(name.clone());
        Some(name)
    }

    /// Notes that a file was read by an earlier run.
    pub(crate) fn was_read(&self, name: &OsStr) {
        let mut names = self.names();
        names.waiting.remove(name);
        names.read.insert(name.to_owned());
    }

    /// The names that were read and are not there any more. Each is returned once.
    pub(crate) fn gone(&self) -> Vec<OsString> {
        std::mem::take(&mut self.names().gone)
    }

    /// Waits until there may be more files, or until it is time for a scan.
    pub(crate) async fn changed(&self, poll: Duration) {
        if self.are_polled() {
            tokio::time::sleep(poll).await;
        } else {
            self.changed.notified().await;
        }
    }

    pub(crate) fn are_polled(&self) -> bool {
        self.names().polled
    }

    /// Scans the folder. At the `first` scan all files are complete, except those that are reported as growing; later
    /// those that have not changed since the last scan.
    pub(crate) fn scan(&self, folder: &Folder, first: bool) -> io::Result<()> {
        let mut files = BTreeMap::new();
        for name in folder.names()? {
            // The file may be gone again, or be a link that leads out of the folder.
            let Ok(metadata) = folder.known(&name) else { continue };
            if metadata.is_file() && !is_hidden(&name) {
                files.insert(name, (metadata.len(), metadata.modified().ok()));
            }
        }
        let names = &mut *self.names();
        let gone: Vec<_> = names.read.extract_if(|name| !files.contains_key(name)).collect();
        names.gone.extend(gone);
        files.retain(|name, _| !names.read.contains(name));
        let complete = files.iter().filter(|(name, size_and_time)| {
            if first {
                !names.growing.contains(*name)
            } else {
                names.scanned.get(*name) == Some(size_and_time)
            }
        });
        names.waiting.extend(complete.map(|(name, _)| name.clone()));
        names.scanned = files;
        Ok(())
    }

    fn hear(&self, event: notify::Result<Event>) {
        let mut names = self.names();
        match event {
            Ok(event) if !event.need_rescan() => names.hear(&event),
            // Some changes were not reported.
            _ => names.polled = true,
        }
        drop(names);
        self.changed.notify_one();
    }
}

impl Names {
    fn hear(&mut self, event: &Event) {
        let linked =
            matches!(event.kind, EventKind::Create(_)) && event.paths.iter().any(|path| is_linked(path));
        let files = event.paths.iter().filter_map(|path| path.file_name()).map(ToOwned::to_owned);
        let files = files.filter(|name| !is_hidden(name));
        match event.kind {
            EventKind::Create(_) if linked => files.for_each(|name| self.complete(name)),
            EventKind::Create(_) => self.growing.extend(files),
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
                files.for_each(|name| self.complete(name));
            }
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
                files.for_each(|name| self.forget(&name));
            }
            _ => {}
        }
    }

    fn complete(&mut self, name: OsString) {
        self.growing.remove(&name);
        if !self.read.contains(&name) {
            self.waiting.insert(name);
        }
    }

    fn forget(&mut self, name: &OsStr) {
        self.growing.remove(name);
        self.waiting.remove(name);
        self.gone.extend(self.read.take(name));
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Whether a new name belongs to a file that had another name before, as after `ln`: no close is reported for it.
#[cfg(unix)]
fn is_linked(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let Ok(known) = fs::symlink_metadata(path) else { return false };
    let (written, changed) = ((known.mtime(), known.mtime_nsec()), (known.ctime(), known.ctime_nsec()));
    // The other name may be gone already. A new file has the same time of writing and of change.
    known.is_symlink() || known.len() > 0 && (known.nlink() > 1 || written < changed)
}

/// Not needed where the system does not report closed files.
#[cfg(not(unix))]
fn is_linked(_: &Path) -> bool {
    false
}
