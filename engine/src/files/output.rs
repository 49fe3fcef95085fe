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
use super::outside::{self, Named};
use super::system::{self, How, Last, Place, has_no_reader, let_wait};

/// What becomes of what a file has when it is opened to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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

/// How often a pipe is checked for a reader.
const LOOK: Duration = Duration::from_millis(20);

/// Opens a file for writing, and creates it if it is not there. Blocks while a pipe has no reader, until `stop` returns
/// true.
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
    let mut draft = Draft::at(path, true)?;
    write(&mut draft.file)?;
    draft.put_on_disk()
}

/// A file that takes the place of another one once it is whole. It is gone if that never comes.
#[derive(Debug)]
pub struct Draft {
    file: File,
    place: DraftPlace,
}

/// Where a draft is.
#[derive(Debug)]
enum DraftPlace {
    /// In this folder, where it has a name of its own until it gets the one that it is for.
    Here { folder: Arc<Place>, draft: OsString, name: OsString },
    /// Outside.
    Outside(Arc<dyn Named>),
    /// Where it belongs.
    Put,
}

/// So often another name is tried.
const TRIES: usize = 100;

impl Draft {
    /// Begins a file that will be at `path`, with the permissions that new files have.
    ///
    /// # Errors
    ///
    /// If there is no such folder, or nothing can be written there.
    pub fn begin(path: &Path) -> io::Result<Self> {
        Self::at(path, false)
    }

    fn at(path: &Path, private: bool) -> io::Result<Self> {
        let (folder, name) = system::place(path, Last::Followed)?;
        match Self::new(Arc::new(folder), name, private) {
            Err(error) => {
                let named = outside::instead(error, path)?;
                Ok(Self { file: named.draft(private)?, place: DraftPlace::Outside(named) })
            }
            made => made,
        }
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
                    let made = Self { file, place: DraftPlace::Here { folder, draft, name } };
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
        match &self.place {
            DraftPlace::Here { folder, draft, name } => folder.rename(draft, folder, name)?,
            DraftPlace::Outside(named) => named.commit()?,
            DraftPlace::Put => {}
        }
        self.place = DraftPlace::Put;
        Ok(())
    }

    /// The same, and returns once it is on the disk.
    pub(crate) fn put_on_disk(self) -> io::Result<()> {
        self.file.sync_all()?;
        let folder = match &self.place {
            DraftPlace::Here { folder, .. } => Some(folder.clone()),
            _ => None,
        };
        self.put()?;
        folder.map_or(Ok(()), |folder| folder.sync())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        match &self.place {
            // A draft that can't be removed does no harm.
            DraftPlace::Here { folder, draft, .. } => drop(folder.remove(draft)),
            DraftPlace::Outside(named) => named.discard(),
            DraftPlace::Put => {}
        }
    }
}

/// Removes a file; of a link, what it leads to.
///
/// # Errors
///
/// If that is not possible.
pub fn remove(path: &Path) -> io::Result<()> {
    let (folder, name) = system::place(path, Last::Followed)?;
    match folder.remove(&name) {
        Err(error) => outside::instead(error, path)?.remove(),
        removed => removed,
    }
}
