//! Which files a run reads and writes, so that no part of it spoils what another one needs.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use crate::error::FileError;
use crate::{Error, files};

/// A file that can't be used as it should be, since another part of the run uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileConflict {
    pub(crate) message: String,
    pub(crate) help: Option<&'static str>,
}

impl FileConflict {
    fn new(message: String) -> Self {
        Self { message, help: None }
    }

    fn help(self, help: &'static str) -> Self {
        Self { help: Some(help), ..self }
    }
}

impl From<FileConflict> for Error {
    fn from(conflict: FileConflict) -> Self {
        Self::File(FileError::InUse { reason: conflict.message })
    }
}

/// What reads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadBy {
    Node,
    Input,
    Plugin,
}

impl ReadBy {
    /// Why the file can't be written.
    fn reason(self) -> &'static str {
        match self {
            Self::Node => "it is read too",
            Self::Input => "it is an input too",
            Self::Plugin => "it is a plugin that runs",
        }
    }
}

/// What writes a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WrittenBy {
    Node,
    Output,
    DeadLetters,
    Checkpoint,
    /// The program.
    Other,
}

impl WrittenBy {
    /// Why the file can't be used otherwise.
    fn reason(self) -> &'static str {
        match self {
            Self::Node => "another node writes there",
            Self::Output => "the output goes there",
            Self::Other => "something else is written there",
            Self::DeadLetters => "records are put aside in it",
            Self::Checkpoint => "the checkpoint is saved in it",
        }
    }
}

/// A file that may not be there yet.
struct Place {
    path: PathBuf,
    /// Without links and dots, as far as the system knows.
    real: PathBuf,
    known: Option<Metadata>,
}

impl Place {
    fn new(path: &Path) -> Self {
        let real = path.canonicalize().unwrap_or_else(|_| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new(".")).canonicalize();
            match (folder, path.file_name()) {
                (Ok(folder), Some(name)) => folder.join(name),
                _ => path.to_owned(),
            }
        });
        Self { path: path.to_owned(), real, known: files::known(path).ok() }
    }

    fn is(&self, other: &Self) -> bool {
        let one = self.real == other.real
            || self.known.as_ref().zip(other.known.as_ref()).is_some_and(|(one, other)| is_one(one, other));
        one && self.keeps()
    }

    /// Whether what is written there stays there: no device, terminal or pipe.
    fn keeps(&self) -> bool {
        self.known.as_ref().is_none_or(Metadata::is_file)
    }

    /// Whether it is what the other one is renamed to when it rotates: `PATH.1`, `PATH.2` and so on.
    fn is_older(&self, other: &Self) -> bool {
        let name = self.real.to_string_lossy();
        let number =
            name.strip_prefix(&*other.real.to_string_lossy()).and_then(|rest| rest.strip_prefix('.'));
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

/// Whether these are of one file, which may have several names.
#[cfg(unix)]
fn is_one(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_one(_: &Metadata, _: &Metadata) -> bool {
    false
}

/// A file that is written.
struct Written {
    place: Place,
    rotates: bool,
    writer: WrittenBy,
}

/// What is read and written so far.
#[derive(Default)]
pub(crate) struct FileConflicts {
    read: Vec<(Place, ReadBy)>,
    /// Each with which of its files.
    folders: Vec<(Place, Names)>,
    written: Vec<Written>,
}

impl FileConflicts {
    /// Notes a file that a node reads: no node may write it.
    pub(crate) fn read(&mut self, path: &Path) -> Result<(), FileConflict> {
        self.read_by(ReadBy::Node, path)
    }

    /// Notes a file that is read.
    pub(crate) fn read_by(&mut self, reader: ReadBy, path: &Path) -> Result<(), FileConflict> {
        let place = Place::new(path);
        self.check_unwritten(&place, "read")?;
        self.read.push((place, reader));
        Ok(())
    }

    /// A folder whose files are read that have certain names.
    pub(crate) fn read_folder(&mut self, path: &Path, names: Names) -> Result<(), FileConflict> {
        let folder = (Place::new(path), names);
        if let Some(Written { place, .. }) =
            self.written.iter().find(|written| is_in(&written.place, &folder))
        {
            let message = format!("can't read {}: {} is written there", path.display(), place.path.display());
            return Err(FileConflict::new(message).help("write to another folder"));
        }
        self.folders.push(folder);
        Ok(())
    }

    /// Notes a stream that was opened for this program, perhaps to a file: no node may read or write that file.
    pub(crate) fn write_stream(&mut self, path: &Path) -> Result<(), FileConflict> {
        let mut place = Place::new(path);
        place.path.clone_from(&place.real);
        if let Some((other, _)) = self.read.iter().find(|(other, _)| place.is(other)) {
            let message = format!("{} is read, and stdout goes there too", other.path.display());
            return Err(FileConflict::new(message).help("send stdout to another file"));
        }
        self.check_unwritten(&place, "write")?;
        self.written.push(Written { place, rotates: false, writer: WrittenBy::Node });
        Ok(())
    }

    /// Notes a file that a node writes: no other node may write or read it. It must be possible to write it.
    pub(crate) fn write(&mut self, path: &Path, rotates: bool) -> Result<(), FileConflict> {
        let place = self.unused(path, rotates)?;
        check_writable(path)?;
        self.written.push(Written { place, rotates, writer: WrittenBy::Node });
        Ok(())
    }

    /// Notes a file that is written.
    pub(crate) fn write_by(&mut self, writer: WrittenBy, path: &Path) -> Result<(), FileConflict> {
        let place = self.unused(path, false)?;
        self.written.push(Written { place, rotates: false, writer });
        Ok(())
    }

    /// A place that nothing else uses.
    fn unused(&self, path: &Path, rotates: bool) -> Result<Place, FileConflict> {
        let place = Place::new(path);
        let taken = |other: &Place| place.is(other) || rotates && other.is_older(&place);
        if let Some((other, reader)) = self.read.iter().find(|(other, _)| taken(other)) {
            let message = match place.is(other) {
                true => format!("can't write {}: {}", path.display(), reader.reason()),
                false => format!("can't rotate {}: {} is read", path.display(), other.path.display()),
            };
            return Err(FileConflict::new(message).help("name another file"));
        }
        if self.folders.iter().any(|folder| is_in(&place, folder)) {
            let message = format!("can't write {}: such files of that folder are read", path.display());
            return Err(FileConflict::new(message).help("name another folder"));
        }
        self.check_unwritten(&place, "write")?;
        if self.written.iter().any(|other| rotates && other.place.is_older(&place)) {
            let message = format!("can't rotate {}: another node writes its older files", path.display());
            return Err(FileConflict::new(message));
        }
        Ok(place)
    }

    fn check_unwritten(&self, place: &Place, what: &str) -> Result<(), FileConflict> {
        let writes =
            |other: &&Written| place.is(&other.place) || other.rotates && place.is_older(&other.place);
        if let Some(Written { writer, .. }) = self.written.iter().find(writes) {
            let message = format!("can't {what} {}: {}", place.path.display(), writer.reason());
            return Err(FileConflict::new(message).help("name another file"));
        }
        Ok(())
    }
}

/// Whether two paths lead to one file, which need not be there yet. Devices and pipes are none.
#[must_use]
pub fn is_one_file(one: &Path, other: &Path) -> bool {
    one == other || Place::new(one).is(&Place::new(other))
}

/// Which files are read, by their names.
pub(crate) type Names = Box<dyn Fn(&Path) -> bool>;

/// Whether a file is one that is read of a folder.
fn is_in(place: &Place, (folder, names): &(Place, Names)) -> bool {
    let name = place.real.file_name().unwrap_or_default();
    place.real.parent() == Some(&folder.real) && names(Path::new(name))
}

/// Looks whether a file could be written, and leaves it as it is.
fn check_writable(path: &Path) -> Result<(), FileConflict> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(FileConflict::new(format!("there is no folder {}", folder.display())));
    }
    if path.is_dir() {
        return Err(FileConflict::new(format!("can't write {}: it is a folder", path.display())));
    }
    if path.is_file() {
        let opened = files::create(path, files::Mode::Append, &|| false);
        opened.map_err(|error| FileConflict::new(format!("can't write {}: {error}", path.display())))?;
    }
    Ok(())
}
