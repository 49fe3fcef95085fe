//! Follows a file that grows: a reader that waits for more at its end.

use std::fs::Metadata;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::files::{self, Input};
use crate::threads;

/// How often the file is checked if no change was reported.
const POLL: Duration = Duration::from_secs(1);

/// Opens a file that grows, whose records end with `separator`. The reader ends when [`Following`] is dropped. `anew` is
/// set before the first bytes of another file, or of the same file from its start again, are returned.
pub(crate) fn open(path: &Path, separator: u8, anew: Arc<AtomicBool>) -> io::Result<(Growing, Following)> {
    let (wake, woken) = sync_channel(1);
    // If the system can't report changes, checking each second is enough.
    let watcher = threads::need(1).ok().and_then(|()| watch(path, wake.clone()).ok());
    let over = Arc::new(AtomicBool::new(false));
    let growing = Growing {
        file: files::open(path)?,
        path: path.to_owned(),
        separator,
        position: 0,
        last: separator,
        anew,
        restarted: false,
        woken,
        over: over.clone(),
    };
    Ok((growing, Following { over, wake, _watcher: watcher }))
}

/// Watches the file's folder, since another file may replace this one.
fn watch(path: &Path, wake: SyncSender<()>) -> notify::Result<RecommendedWatcher> {
    let path = path.canonicalize()?;
    let name = path.file_name().map(ToOwned::to_owned);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let is_other = event.is_ok_and(|event| {
            let is_ours = |path: &PathBuf| path.file_name() == name.as_deref();
            event.kind.is_access() || !event.paths.is_empty() && !event.paths.iter().any(is_ours)
        });
        if !is_other {
            // One wake-up that was not received yet is enough.
            let _ = wake.try_send(());
        }
    })?;
    watcher.watch(path.parent().unwrap_or(&path), RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Keeps a [`Growing`] going until this is dropped.
pub(crate) struct Following {
    over: Arc<AtomicBool>,
    wake: SyncSender<()>,
    _watcher: Option<RecommendedWatcher>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        let _ = self.wake.try_send(());
    }
}

/// Reads a file, and waits for more at its end.
pub(crate) struct Growing {
    path: PathBuf,
    file: Input,
    separator: u8,
    position: u64,
    /// The last byte that was returned.
    last: u8,
    anew: Arc<AtomicBool>,
    /// Nothing was read since the file was opened again or cut.
    restarted: bool,
    woken: Receiver<()>,
    over: Arc<AtomicBool>,
}

/// What happened to a file that was read to its end.
enum Change {
    None,
    Cut,
    Replaced,
}

impl Growing {
    fn change(&self) -> io::Result<Change> {
        let known = self.file.metadata()?;
        let now = match files::known(&self.path) {
            Ok(now) => now,
            // The file that replaces it does not exist yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Change::None),
            Err(error) => return Err(error),
        };
        Ok(match () {
            () if !is_same(&known, &now) => Change::Replaced,
            () if known.len() < self.position => Change::Cut,
            () => Change::None,
        })
    }

    /// Reads what there is; nothing at its end.
    fn read_on(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.position += read as u64;
        if read > 0 && std::mem::take(&mut self.restarted) {
            self.anew.store(true, Relaxed);
        }
        self.last = buffer[..read].last().copied().unwrap_or(self.last);
        Ok(read)
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Without file numbers, only a shorter file shows that it was replaced.
#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.over.load(Relaxed) {
            let read = self.read_on(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            match self.change()? {
                Change::None => {
                    let _ = self.woken.recv_timeout(POLL);
                    continue;
                }
                Change::Cut => self.file.rewind()?,
                Change::Replaced => {
                    // The rest that was written to the old file before it was replaced.
                    let read = self.read_on(buffer)?;
                    if read > 0 {
                        return Ok(read);
                    }
                    match files::open(&self.path) {
                        Ok(file) => self.file = file,
                        // It was replaced again.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                        Err(error) => return Err(error),
                    }
                }
            }
            (self.position, self.restarted) = (0, true);
            if std::mem::replace(&mut self.last, self.separator) != self.separator {
                // An unfinished line of the old file ends here.
                buffer[0] = self.separator;
                return Ok(1);
            }
        }
        Ok(0)
    }
}
