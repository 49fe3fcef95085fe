//! An open folder, and the files in it.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::guests::Id;
use super::kind;
use super::open_options::OpenOptions;
use super::output::Draft;
use super::system::{OpenFolder, is_no_file, let_wait};

/// An open folder. Names are looked up in it, even after it was renamed or replaced.
///
/// Nothing outside of it is ever opened. Links in it are followed if they stay within it, and never if a function may
/// write to it.
#[derive(Clone, Debug)]
pub struct Folder(pub(super) Arc<OpenFolder>);

impl Folder {
    /// Opens a folder.
    ///
    /// # Errors
    ///
    /// If it does not exist, or is not a folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(OpenFolder::open(path)?)))
    }

    /// Opens a folder that only this user can change or replace, and creates it if it does not exist. All folders that
    /// contain it belong to this user or to root, and other users may not write to them, or only to their own files, as
    /// in `/tmp`. No function may write there.
    ///
    /// # Errors
    ///
    /// If it does not exist and can't be created, or if other users could change it.
    pub fn private(path: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(OpenFolder::private(path)?)))
    }

    pub(super) fn id(&self) -> Option<Id> {
        self.0.id()
    }

    pub(super) fn path(&self) -> Option<PathBuf> {
        self.0.path()
    }

    /// Opens a file in it for reading. Never blocks.
    ///
    /// # Errors
    ///
    /// If it does not exist, is not a regular file, or is a link that leads out of the folder.
    pub fn read(&self, name: &OsStr) -> io::Result<File> {
        let file = self.0.open_in(Path::new(name), OpenOptions::READ)?;
        kind::check_regular(&file.metadata()?)?;
        let_wait(&file)?;
        Ok(file)
    }

    /// Opens the regular file of this name for reading, if there is one. None if it is gone, something else, or a link
    /// that leads out of the folder.
    ///
    /// # Errors
    ///
    /// If it exists and can't be read.
    pub fn file(&self, name: &OsStr) -> io::Result<Option<File>> {
        match self.0.open_in(Path::new(name), OpenOptions::READ) {
            Ok(file) if file.metadata()?.is_file() => {
                let_wait(&file)?;
                Ok(Some(file))
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound && !is_no_file(&error) => Err(error),
            _ => Ok(None),
        }
    }

    /// Reads a file in it.
    ///
    /// # Errors
    ///
    /// If it can't be read, or has more than `limit` bytes.
    pub fn read_at_most(&self, name: &OsStr, limit: u64) -> io::Result<Vec<u8>> {
        super::input::whole(&self.read(name)?, limit)
    }

    /// The metadata of something in it, without opening it.
    ///
    /// # Errors
    ///
    /// If it does not exist, or is a link that leads out of the folder.
    pub fn known(&self, name: &OsStr) -> io::Result<Metadata> {
        self.0.known_in(Path::new(name))
    }

    /// Lists the names in it.
    ///
    /// # Errors
    ///
    /// If it can't be listed.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        self.0.names()
    }

    /// Creates or replaces a file, completely or not at all. Only its owner may use it.
    ///
    /// # Errors
    ///
    /// If it can't be written.
    pub fn replace(&self, name: &OsStr, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        let mut draft = Draft::new(self.0.clone(), name.to_owned(), true)?;
        write(draft.file())?;
        draft.put()
    }

    /// Opens a file in it for reading and writing, and creates it if it does not exist. Never blocks. Follows no link.
    ///
    /// # Errors
    ///
    /// If it can't be opened, or is not a regular file.
    pub fn create(&self, name: &OsStr, append: bool) -> io::Result<File> {
        let how = OpenOptions { read: true, write: true, append, create: true, ..OpenOptions::default() };
        let file = self.0.open_itself(name, how)?;
        kind::check_regular(&file.metadata()?)?;
        let_wait(&file)?;
        Ok(file)
    }

    /// Begins a file that will get this name. Only its owner may use it if it is `private`.
    #[cfg(unix)]
    pub(crate) fn draft(&self, name: &OsStr, private: bool) -> io::Result<Draft> {
        Draft::new(self.0.clone(), name.to_owned(), private)
    }

    /// Removes a file in it.
    ///
    /// # Errors
    ///
    /// If it does not exist or can't be removed.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        self.0.remove(name)
    }
}
