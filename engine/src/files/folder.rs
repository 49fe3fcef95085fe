//! A folder that was opened once, and the files in it.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::guests::Id;
use super::kind;
use super::output::Draft;
use super::system::{How, Place, is_no_file, let_wait};

/// A folder that was opened once: names in it are looked up there, whatever becomes of its path.
///
/// Nothing outside of it is ever opened. Links in it are followed if they stay within it, and never if a function may
/// write to it.
#[derive(Clone, Debug)]
pub struct Folder(pub(super) Arc<Place>);

impl Folder {
    /// Opens a folder.
    ///
    /// # Errors
    ///
    /// If it is not there, or is no folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(Place::open(path)?)))
    }

    /// Opens a folder that belongs to this user, and makes what is missing of it. Nobody else can change it or put
    /// another one in its place: all folders that it lies in belong to this user or to root, and others may not write
    /// to them, or only to what is their own, as in `/tmp`. No function may write there.
    ///
    /// # Errors
    ///
    /// If there is no such folder and it can't be made, or if others could change it.
    pub fn private(path: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(Place::private(path)?)))
    }

    pub(super) fn id(&self) -> Option<Id> {
        self.0.id()
    }

    pub(super) fn path(&self) -> Option<PathBuf> {
        self.0.path()
    }

    /// Opens a file in it to read it. Never waits.
    ///
    /// # Errors
    ///
    /// If it is not there, is no regular file, or is a link that leads out of the folder.
    pub fn read(&self, name: &OsStr) -> io::Result<File> {
        let file = self.0.open_in(Path::new(name), How::READ)?;
        kind::check_regular(&file.metadata()?)?;
        let_wait(&file)?;
        Ok(file)
    }

    /// The regular file of this name, or none: it may be gone, something else, or a link that leads out.
    ///
    /// # Errors
    ///
    /// If it is there and can't be read.
    pub fn file(&self, name: &OsStr) -> io::Result<Option<File>> {
        match self.0.open_in(Path::new(name), How::READ) {
            Ok(file) if file.metadata()?.is_file() => {
                let_wait(&file)?;
                Ok(Some(file))
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound && !is_no_file(&error) => Err(error),
            _ => Ok(None),
        }
    }

    /// The bytes of a file in it.
    ///
    /// # Errors
    ///
    /// If it can't be read, or has more than `limit` bytes.
    pub fn read_at_most(&self, name: &OsStr, limit: u64) -> io::Result<Vec<u8>> {
        super::input::whole(&self.read(name)?, limit)
    }

    /// What is known of something in it, without opening it.
    ///
    /// # Errors
    ///
    /// If it is not there, or is a link that leads out of the folder.
    pub fn known(&self, name: &OsStr) -> io::Result<Metadata> {
        self.0.known_in(Path::new(name))
    }

    /// The names in it.
    ///
    /// # Errors
    ///
    /// If it can't be listed.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        self.0.names()
    }

    /// Puts a file in the place of one that may be there, whole or not at all. Only its owner may use it.
    ///
    /// # Errors
    ///
    /// If it can't be written.
    pub fn replace(&self, name: &OsStr, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        let mut draft = Draft::new(self.0.clone(), name.to_owned(), true)?;
        write(draft.file())?;
        draft.put()
    }

    /// Opens a file in it to read and write it, and makes it if it is not there. Never waits.
    ///
    /// # Errors
    ///
    /// If it can't be opened, or is no regular file; no link is followed.
    pub fn create(&self, name: &OsStr, append: bool) -> io::Result<File> {
        let how = How { read: true, write: true, append, create: true, ..How::default() };
        let file = self.0.open_itself(name, how)?;
        kind::check_regular(&file.metadata()?)?;
        let_wait(&file)?;
        Ok(file)
    }

    /// Begins a file that is to have this name in it. Only its owner may use it if it is `private`.
    #[cfg(unix)]
    pub(crate) fn draft(&self, name: &OsStr, private: bool) -> io::Result<Draft> {
        Draft::new(self.0.clone(), name.to_owned(), private)
    }

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// If that is not possible.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        self.0.remove(name)
    }
}
