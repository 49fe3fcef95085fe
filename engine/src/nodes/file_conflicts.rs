//! Which files a pipeline reads and writes, so that no node spoils what another one needs.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::diagnostic::Problem;
use crate::files;

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

/// What nodes read and write so far.
#[derive(Default)]
pub(crate) struct FileConflicts {
    read: Vec<Place>,
    /// Each with which of its files.
    folders: Vec<(Place, Names)>,
    /// Each with whether it rotates.
    written: Vec<(Place, bool)>,
}

impl FileConflicts {
    /// Notes a file that is read: no node may write it.
    pub(crate) fn read(&mut self, path: &Path, key: &str) -> Result<(), Problem> {
        let place = Place::new(path);
        self.check_unwritten(&place, key, "read")?;
        self.read.push(place);
        Ok(())
    }

    /// A folder whose files are read that have certain names.
    pub(crate) fn read_folder(&mut self, path: &Path, names: Names, key: &str) -> Result<(), Problem> {
        let folder = (Place::new(path), names);
        if let Some((place, _)) = self.written.iter().find(|(place, _)| is_in(place, &folder)) {
            let message = format!("can't read {}: {} is written there", path.display(), place.path.display());
            return Err(Problem::at(key, message).help("write to another folder"));
        }
        self.folders.push(folder);
        Ok(())
    }

    /// Notes a stream that was opened for this program, perhaps to a file: no node may read or write that file.
    pub(crate) fn write_stream(&mut self, path: &Path, key: &str) -> Result<(), Problem> {
        let mut place = Place::new(path);
        place.path.clone_from(&place.real);
        if let Some(other) = self.read.iter().find(|other| place.is(other)) {
            let message = format!("{} is read, and stdout goes there too", other.path.display());
            return Err(Problem::at(key, message).help("send stdout to another file"));
        }
        self.check_unwritten(&place, key, "write")?;
        self.written.push((place, false));
        Ok(())
    }

    /// Notes a file that is written: no other node may write or read it.
    pub(crate) fn write(&mut self, path: &Path, rotates: bool, key: &str) -> Result<(), Problem> {
        let place = Place::new(path);
        let taken = |other: &Place| place.is(other) || rotates && other.is_older(&place);
        if let Some(other) = self.read.iter().find(|other| taken(other)) {
            let message = match place.is(other) {
                true => format!("can't write {}: it is read too", path.display()),
                false => format!("can't rotate {}: {} is read", path.display(), other.path.display()),
            };
            return Err(Problem::at(key, message).help("name another file"));
        }
        if self.folders.iter().any(|folder| is_in(&place, folder)) {
            let message = format!("can't write {}: such files of that folder are read", path.display());
            return Err(Problem::at(key, message).help("name another folder"));
        }
        self.check_unwritten(&place, key, "write")?;
        if self.written.iter().any(|(other, _)| rotates && other.is_older(&place)) {
            let message = format!("can't rotate {}: another node writes its older files", path.display());
            return Err(Problem::at(key, message));
        }
        check_writable(path, key)?;
        self.written.push((place, rotates));
        Ok(())
    }

    fn check_unwritten(&self, place: &Place, key: &str, what: &str) -> Result<(), Problem> {
        let writes = |(other, rotates): &&(Place, bool)| place.is(other) || *rotates && place.is_older(other);
        if self.written.iter().any(|other| writes(&other)) {
            let message = format!("can't {what} {}: another node writes there", place.path.display());
            return Err(Problem::at(key, message).help("name another file"));
        }
        Ok(())
    }
}

/// Whether two paths lead to one file, which need not be there yet.
pub(crate) fn is_one_file(one: &Path, other: &Path) -> bool {
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
fn check_writable(path: &Path, key: &str) -> Result<(), Problem> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Problem::at(key, format!("there is no folder {}", folder.display())));
    }
    if path.is_dir() {
        return Err(Problem::at(key, format!("can't write {}: it is a folder", path.display())));
    }
    if path.is_file() {
        let opened = files::create(path, files::Mode::Append, &|| false);
        opened.map_err(|error| Problem::at(key, format!("can't write {}: {error}", path.display())))?;
    }
    Ok(())
}
