//! Writes a file at its path, also after it was removed, renamed or replaced there.

use std::fs::{File, Metadata, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Mode, create};

/// What a path leads to, links followed. This one call is cheap; it decides nothing but whether the file is looked for with
/// all care.
fn glance(path: &Path) -> io::Result<Metadata> {
    std::fs::metadata(path)
}

/// Tells whether a path still leads to the file that was opened there.
#[derive(Debug)]
pub(crate) struct Placement {
    path: PathBuf,
    /// Its device and number. None if it is no regular file, or the path can't be looked at.
    id: Option<Id>,
}

type Id = (u64, u64);

impl Placement {
    /// A file as it was opened at `path`.
    pub(crate) fn new(path: &Path, file: &File) -> Self {
        let there = glance(path).ok().and_then(|known| id(&known));
        let opened = file.metadata().ok().filter(Metadata::is_file).and_then(|known| id(&known));
        Self { path: path.to_owned(), id: opened.filter(|_| opened == there) }
    }

    /// Whether the path leads to another file by now, or to none.
    pub(crate) fn is_lost(&self) -> bool {
        self.id.is_some()
            && match glance(&self.path) {
                Ok(known) => id(&known) != self.id,
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            }
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have none")]
fn id(known: &Metadata) -> Option<Id> {
    use std::os::unix::fs::MetadataExt;

    Some((known.dev(), known.ino()))
}

#[cfg(not(unix))]
fn id(_: &Metadata) -> Option<Id> {
    None
}

/// A file that is written at a path. If it is removed, renamed or replaced there, it is made again before the next write:
/// what is written after that is at the path. Each write should be of whole records.
#[derive(Debug)]
pub(crate) struct PlacedFile {
    file: File,
    placement: Placement,
    /// No other program that locks it may write to it meanwhile.
    locks: bool,
    /// A checkpoint counts its bytes, so no other file can take its place.
    is_counted: bool,
    /// A write was cut short: the rest belongs to the same file.
    is_cut: bool,
}

impl PlacedFile {
    /// A file as it was opened at `path`.
    pub(crate) fn new(path: &Path, file: File) -> Self {
        let placement = Placement::new(path, &file);
        Self { file, placement, locks: false, is_counted: false, is_cut: false }
    }

    /// The same; another file that is made at the path is [locked](lock) too.
    pub(crate) fn locked(self) -> Self {
        Self { locks: true, ..self }
    }

    /// The same, but if the file is lost, writing fails: a checkpoint counts its bytes.
    pub(crate) fn counted(self) -> Self {
        Self { is_counted: true, ..self }
    }

    /// If the path does not lead to the file any more, makes it again there.
    pub(crate) fn follow_path(&mut self) -> io::Result<()> {
        if self.is_cut || !self.placement.is_lost() {
            return Ok(());
        }
        if self.is_counted {
            let reason = "it was removed or replaced during the run, and the checkpoint needs it: remove the \
                          checkpoint, and start over";
            return Err(io::Error::other(reason));
        }
        let file = create(&self.placement.path, Mode::Append, &|| false)?;
        if self.locks {
            lock(&file)?;
        }
        (self.placement, self.file) = (Placement::new(&self.placement.path, &file), file);
        Ok(())
    }

    /// Returns when everything that was written is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl Write for PlacedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.follow_path()?;
        let written = self.file.write(bytes)?;
        self.is_cut = written < bytes.len();
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Lets no other run write to the file until it is closed, if it is a regular one and its file system has locks.
pub(crate) fn lock(file: &File) -> io::Result<()> {
    // Devices are shared.
    let is_regular = file.metadata().is_ok_and(|known| known.is_file());
    if is_regular && matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return Err(io::Error::other("another run writes it, and has not ended"));
    }
    Ok(())
}
