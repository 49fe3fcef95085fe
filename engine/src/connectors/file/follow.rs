//! A file that grows, as a reader that waits for more.

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

/// Opens a file that grows, whose records end with `separator`. It has an end once the second is dropped. `anew` is
/// set before what is read is of another file, or of the same one from its start again.
pub(crate) fn open(path: &Path, separator: u8, anew: Arc<AtomicBool>) -> io::Result<(Growing, Following)> {
    let (wake, woken) = sync_channel(1);
    // Where the system can't tell, looking each second has to do.
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

/// Watches the folder, since another file may take this one's place.
fn watch(path: &Path, wake: SyncSender<()>) -> notify::Result<RecommendedWatcher> {
    let path = path.canonicalize()?;
    let name = path.file_name().map(ToOwned::to_owned);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let is_other = event.is_ok_and(|event| {
            let is_ours = |path: &PathBuf| path.file_name() == name.as_deref();
            event.kind.is_access() || !event.paths.is_empty() && !event.paths.iter().any(is_ours)
        });
        if !is_other {
            // One that is not taken yet is enough.
            let _ = wake.try_send(());
        }
    })?;
    watcher.watch(path.parent().unwrap_or(&path), RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Ends a [`Growing`].
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

/// Reads a file, and waits at its end for more.
pub(crate) struct Growing {
    path: PathBuf,
    file: Input,
    separator: u8,
    position: u64,
    /// The last byte that it gave.
    last: u8,
    anew: Arc<AtomicBool>,
    /// Nothing was read since the file's start.
    restarted: bool,
    woken: Receiver<()>,
    over: Arc<AtomicBool>,
}

/// What became of a file that was read to its end.
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
            // The next one is not there yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Change::None),
            Err(error) => return Err(error),
        };
        Ok(match () {
            () if !is_same(&known, &now) => Change::Replaced,
            () if known.len() < self.position => Change::Cut,
            () => Change::None,
        })
    }

    /// Reads what is there; nothing at its end.
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

/// Without such numbers a file that was replaced shows by being shorter.
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
                    // What was written to the old one before it was replaced.
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
                // The line that was begun ends there.
                buffer[0] = self.separator;
                return Ok(1);
            }
        }
        Ok(0)
    }
}
