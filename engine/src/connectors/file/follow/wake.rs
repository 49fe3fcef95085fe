//! Wakes a thread that waits for changes of files.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::threads;

/// How often files are checked if no change was reported.
const POLL: Duration = Duration::from_secs(1);

/// Keeps a reader of files going until this is dropped.
pub(crate) struct Waker {
    over: Arc<AtomicBool>,
    wake: SyncSender<()>,
    _watcher: Option<RecommendedWatcher>,
}

impl Drop for Waker {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        let _ = self.wake.try_send(());
    }
}

/// Waits for changes.
pub(crate) struct Changes {
    over: Arc<AtomicBool>,
    woken: Receiver<()>,
}

impl Changes {
    /// Whether reading is to end.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// Waits until there may be more.
    pub(super) fn wait(&self) {
        // A wait that ends without a change is a check.
        let _ = self.woken.recv_timeout(POLL);
    }
}

/// Watches the folders of files, since other files may replace these; or all files of the folders `whole`.
pub(crate) fn watch(paths: &[PathBuf], whole: &[PathBuf]) -> (Waker, Changes) {
    let (wake, woken) = sync_channel(1);
    // If the system can't report changes, checking each second is enough.
    let watcher = threads::need(1).ok().and_then(|()| watcher(paths, whole, wake.clone()).ok());
    let over = Arc::new(AtomicBool::new(false));
    (Waker { over: over.clone(), wake, _watcher: watcher }, Changes { over, woken })
}

fn watcher(paths: &[PathBuf], whole: &[PathBuf], wake: SyncSender<()>) -> notify::Result<RecommendedWatcher> {
    let (mut folders, mut names) = (BTreeSet::<PathBuf>::new(), BTreeSet::<OsString>::new());
    for path in paths {
        // What a link leads to changes, and so may the link.
        for path in [Some(path.clone()), path.canonicalize().ok()].into_iter().flatten() {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            folders.insert(folder.unwrap_or(Path::new(".")).to_owned());
            names.extend(path.file_name().map(ToOwned::to_owned));
        }
    }
    folders.extend(whole.iter().cloned());
    let is_any = !whole.is_empty();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let is_other = event.is_ok_and(|event| {
            let is_ours = |path: &PathBuf| path.file_name().is_some_and(|name| names.contains(name));
            event.kind.is_access() || !is_any && !event.paths.is_empty() && !event.paths.iter().any(is_ours)
        });
        if !is_other {
            // One wake-up that was not received yet is enough.
            let _ = wake.try_send(());
        }
    })?;
    for folder in folders {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}
