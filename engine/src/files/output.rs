//! Creates, replaces and removes files.

use std::ffi::OsString;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::kind;
use super::open_options::{LastLink, OpenOptions};
use super::outside::{self, Named};
use super::system::{self, OpenFolder, has_no_reader, let_wait};

/// What happens to the contents of a file when it is opened for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// They stay, and are overwritten from the start.
    Keep,
    /// They stay, and writing continues after them.
    Append,
    /// As `Append`, and the file can be read too.
    ReadAndAppend,
    /// As `Keep`, and the file can be read too.
    ReadAndKeep,
    /// They are removed. What is written always goes to the end of the file, also if something else empties it later.
    Empty,
}

/// How often a pipe is checked for a reader.
const LOOK: Duration = Duration::from_millis(20);

/// Opens a file for writing, and creates it if it does not exist. Blocks while a pipe has no reader, until `stop` returns
/// true.
///
/// # Errors
///
/// If it can't be opened. In a folder that a function may write, links and everything but regular files are refused.
pub fn create(path: &Path, mode: Mode, stop: &dyn Fn() -> bool) -> io::Result<File> {
    let how = OpenOptions {
        read: matches!(mode, Mode::ReadAndAppend | Mode::ReadAndKeep),
        write: true,
        append: matches!(mode, Mode::Append | Mode::ReadAndAppend),
        create: true,
        ..OpenOptions::default()
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
        write_at_end(&file)?;
    }
    Ok(file)
}

/// Makes all that is written from now on go to the end of the file as it is then: no gap is left if something else cuts
/// the file meanwhile.
pub(crate) fn write_at_end(file: &File) -> io::Result<()> {
    system::let_append(file)
}

fn is_pipe(path: &Path) -> bool {
    super::known(path).is_ok_and(|known| kind::is_pipe(&known))
}

/// Creates or replaces a file, completely or not at all, and returns when it is on the disk. Only its owner may use it.
///
/// # Errors
///
/// If it can't be written.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut draft = Draft::at(path, true)?;
    write(&mut draft.file)?;
    draft.put_on_disk()
}

/// A file under a temporary name, until it is put in its place. It is removed if that never happens.
#[derive(Debug)]
pub struct Draft {
    file: File,
    place: DraftPlace,
}

/// Where a draft is.
#[derive(Debug)]
enum DraftPlace {
    /// In this folder, under a temporary name.
    Here { folder: Arc<OpenFolder>, draft: OsString, name: OsString },
    /// Outside of what this process may reach.
    Outside(Arc<dyn Named>),
    /// In its place.
    Put,
}

/// The most temporary names that are tried.
const TRIES: usize = 100;

impl Draft {
    /// Begins a file that will be at `path`, with the usual permissions of new files.
    ///
    /// # Errors
    ///
    /// If the folder does not exist, or nothing can be written there.
    pub fn begin(path: &Path) -> io::Result<Self> {
        Self::at(path, false)
    }

    fn at(path: &Path, private: bool) -> io::Result<Self> {
        let (folder, name) = system::place(path, LastLink::Followed)?;
        match Self::new(Arc::new(folder), name, private) {
            Err(error) => {
                let named = outside::instead(error, path)?;
                Ok(Self { file: named.draft(private)?, place: DraftPlace::Outside(named) })
            }
            made => made,
        }
    }

    pub(super) fn new(folder: Arc<OpenFolder>, name: OsString, private: bool) -> io::Result<Self> {
        let how = OpenOptions { write: true, new: true, private, ..OpenOptions::default() };
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

    /// The file, to be written.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    ///
    /// If it can't be renamed.
    pub fn put(mut self) -> io::Result<()> {
        match &self.place {
            DraftPlace::Here { folder, draft, name } => folder.rename(draft, folder, name)?,
            DraftPlace::Outside(named) => named.commit()?,
            DraftPlace::Put => {}
        }
        self.place = DraftPlace::Put;
        Ok(())
    }

    /// Puts the file in its place, and returns when it is on the disk.
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

/// Removes a file. If the path is a link, removes what it leads to.
///
/// # Errors
///
/// If it does not exist or can't be removed.
pub fn remove(path: &Path) -> io::Result<()> {
    let (folder, name) = system::place(path, LastLink::Followed)?;
    match folder.remove(&name) {
        Err(error) => outside::instead(error, path)?.remove(),
        removed => removed,
    }
}
