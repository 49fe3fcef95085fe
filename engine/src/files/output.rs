//! Files that are written, renamed and removed.

use std::ffi::OsString;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::kind;
use super::system::{self, How, Last, Place, has_no_reader, let_wait};

/// What becomes of what a file has when it is opened to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is written over, from the start.
    Keep,
    /// It stays, and is written on.
    Append,
    /// The same, and it can be read too.
    ReadAndAppend,
    /// It stays, and can be read too.
    ReadAndKeep,
    /// It is removed.
    Empty,
}

/// How often it is looked whether somebody reads a pipe.
const LOOK: Duration = Duration::from_millis(20);

/// Opens a file to write to it, and makes it if it is not there. A pipe is waited for until somebody reads it, or
/// `stop` says that nobody waits any more.
///
/// # Errors
///
/// If it can't be opened. In a folder that a function may write, a link is refused, and so is all but a regular file.
pub fn create(path: &Path, mode: Mode, stop: &dyn Fn() -> bool) -> io::Result<File> {
    let how = How {
        read: matches!(mode, Mode::ReadAndAppend | Mode::ReadAndKeep),
        write: true,
        append: matches!(mode, Mode::Append | Mode::ReadAndAppend),
        create: true,
        ..How::default()
    };
    let file = loop {
        match system::open(path, how) {
            Err(error) if has_no_reader(&error) && is_pipe(path) => {
                if stop() {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                thread::sleep(LOOK);
            }
            opened => break opened?,
        }
    };
    let known = kind::check_no_folder(&file)?;
    let_wait(&file)?;
    if mode == Mode::Empty && known.is_file() {
        file.set_len(0)?;
    }
    Ok(file)
}

fn is_pipe(path: &Path) -> bool {
    super::known(path).is_ok_and(|known| kind::is_pipe(&known))
}

/// Puts a file in the place of one that may be there, whole or not at all, and returns once it is on the disk. Only
/// its owner may use it.
///
/// # Errors
///
/// If it can't be written.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let (folder, name) = system::place(path, Last::Followed)?;
    let mut draft = Draft::new(Arc::new(folder), name, true)?;
    write(&mut draft.file)?;
    draft.file.sync_all()?;
    let folder = draft.folder.clone();
    draft.put()?;
    folder.sync()
}

/// A file that takes the place of another one once it is whole. It is gone if that never comes.
#[derive(Debug)]
pub struct Draft {
    folder: Arc<Place>,
    /// What it is called meanwhile.
    draft: OsString,
    name: OsString,
    file: File,
}

/// So often another name is tried.
const TRIES: usize = 100;

impl Draft {
    /// Begins a file that is to be at `path`, and may be used by whoever may use new files.
    ///
    /// # Errors
    ///
    /// If there is no such folder, or nothing can be written there.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let (folder, name) = system::place(path, Last::Followed)?;
        Self::new(Arc::new(folder), name, false)
    }

    pub(super) fn new(folder: Arc<Place>, name: OsString, private: bool) -> io::Result<Self> {
        let how = How { write: true, new: true, private, ..How::default() };
        let mut tries = 0;
        loop {
            let draft = OsString::from(format!(".engine-{:016x}", RandomState::new().hash_one(tries)));
            match folder.open_in(Path::new(&draft), how) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < TRIES => tries += 1,
                made => {
                    let file = made?;
                    let made = Self { folder, draft, name, file };
                    let_wait(&made.file)?;
                    return Ok(made);
                }
            }
        }
    }

    /// The file.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Puts it where it belongs.
    ///
    /// # Errors
    ///
    /// If that is not possible.
    pub fn put(mut self) -> io::Result<()> {
        self.folder.rename(&self.draft, &self.folder, &self.name)?;
        self.draft.clear();
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.draft.is_empty() {
            // What is left of it is of no use to anybody.
            let _ = self.folder.remove(&self.draft);
        }
    }
}

/// Gives a file another name, in the place of one that may have it.
///
/// # Errors
///
/// If that is not possible.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let (old, old_name) = system::place(from, Last::Itself)?;
    let (new, new_name) = system::place(to, Last::Itself)?;
    old.rename(&old_name, &new, &new_name)
}

/// Removes a file; of a link, the link.
///
/// # Errors
///
/// If that is not possible.
pub fn remove(path: &Path) -> io::Result<()> {
    let (folder, name) = system::place(path, Last::Itself)?;
    folder.remove(&name)
}
