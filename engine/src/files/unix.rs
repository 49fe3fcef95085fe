//! What the system does for the files and folders of this module.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{self, AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::guests::{self, Id};
pub(super) use super::walk::Last;
use super::walk::{self, Found, Spot};
use super::{Folder, beneath, kind, outside};

/// How a file is opened.
#[derive(Clone, Copy, Default)]
pub(super) struct How {
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) append: bool,
    /// It is made if it is not there.
    pub(super) create: bool,
    /// It must not be there.
    pub(super) new: bool,
    /// Only its owner may use it, if it is made.
    pub(super) private: bool,
}

impl How {
    pub(super) const READ: Self =
        Self { read: true, write: false, append: false, create: false, new: false, private: false };

    /// Opening never waits, and no terminal becomes this process's.
    fn flags(self) -> OFlags {
        let access = match self {
            Self { read: true, write: true, .. } => OFlags::RDWR,
            Self { write: true, .. } => OFlags::WRONLY,
            _ => OFlags::RDONLY,
        };
        let given = [
            (self.append, OFlags::APPEND),
            (self.create, OFlags::CREATE),
            (self.new, OFlags::CREATE | OFlags::EXCL),
        ];
        let given = given.into_iter().filter_map(|(given, flag)| given.then_some(flag));
        given.fold(access | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY, |all, flag| all | flag)
    }

    fn mode(self) -> Mode {
        match (self.create || self.new, self.private) {
            (false, _) => Mode::empty(),
            (true, true) => Mode::from_raw_mode(0o600),
            (true, false) => Mode::from_raw_mode(0o666),
        }
    }
}

/// Opens what a path leads to, without waiting. In a folder that functions may write it is a regular file.
pub(super) fn open(path: &Path, how: How) -> io::Result<File> {
    let Found { spot, name, magic } = walk::find(path, Last::Followed, &|_| Ok(()))?;
    let name = name.ok_or_else(kind::is_folder)?;
    let links = if magic { OFlags::empty() } else { OFlags::NOFOLLOW };
    let file = match fs::openat(&spot.folder, &*name, how.flags() | links, how.mode()) {
        Err(error) => outside::instead(error.into(), path)?.open(how.append)?,
        Ok(file) => File::from(file),
    };
    if guests::may_write(&spot.ancestors) {
        kind::check_regular(&file.metadata()?)?;
    }
    Ok(file)
}

/// What is known of what a path leads to, without opening it where the system can do that.
pub(super) fn known(path: &Path) -> io::Result<Metadata> {
    let Found { spot, name, magic } = walk::find(path, Last::Followed, &|_| Ok(()))?;
    let Some(name) = name else { return File::from(spot.folder).metadata() };
    let links = if magic { OFlags::empty() } else { OFlags::NOFOLLOW };
    File::from(fs::openat(&spot.folder, &*name, beneath::LOOK | links, Mode::empty())?).metadata()
}

/// The folder and the name that a path stands for; if it is a link, its own unless it is `Followed`.
pub(super) fn place(path: &Path, last: Last) -> io::Result<(Place, OsString)> {
    let Found { spot, name, .. } = walk::find(path, last, &|_| Ok(()))?;
    let name = name.ok_or_else(kind::is_folder)?;
    Ok((Place(spot), name))
}

/// Lets reading and writing wait, as they do unless opening must not.
pub(super) fn let_wait(file: &File) -> io::Result<()> {
    let flags = fs::fcntl_getfl(file)?;
    Ok(fs::fcntl_setfl(file, flags - OFlags::NONBLOCK)?)
}

/// Waits until a pipe has a writer.
pub(super) fn wait_for_writer(pipe: &File) -> io::Result<()> {
    let mut asked = [PollFd::new(pipe, PollFlags::IN)];
    loop {
        match poll(&mut asked, None) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether a pipe could not be opened because it has no reader.
pub(super) fn has_no_reader(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::NXIO)
}

/// Whether something could not be opened since it is a link that leads out, or a socket.
pub(super) fn is_no_file(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::XDEV | Errno::LOOP | Errno::NXIO))
}

impl Folder {
    /// A folder that another process has opened.
    pub(crate) fn opened(folder: OwnedFd) -> io::Result<Self> {
        Ok(Self(Arc::new(Place(Spot::of(folder)?))))
    }

    /// Its descriptor, for another process.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.0.folder.as_fd()
    }
}

/// A folder that is open.
#[derive(Debug)]
pub(super) struct Place(Spot);

impl Place {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let Found { spot, name, .. } = walk::find(path, Last::Followed, &|_| Ok(()))?;
        match name {
            // Looking it up tells a file from nothing.
            Some(name) => Err(fs::statat(&spot.folder, &*name, AtFlags::SYMLINK_NOFOLLOW)
                .map_or_else(Into::into, |_| Errno::NOTDIR.into())),
            None => Ok(Self(spot)),
        }
    }

    pub(super) fn of(spot: Spot) -> Self {
        Self(spot)
    }

    pub(super) fn id(&self) -> Option<Id> {
        self.0.ancestors.last().copied()
    }

    pub(super) fn ancestors(&self) -> &[Id] {
        &self.0.ancestors
    }

    pub(super) fn descriptor(&self) -> &OwnedFd {
        &self.0.folder
    }

    /// A path that leads to it in this process, whatever became of its name.
    pub(super) fn path(&self) -> Option<PathBuf> {
        let folder = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
        Some(Path::new(folder).join(self.0.folder.as_raw_fd().to_string()))
    }

    /// Opens something in it, without waiting; a link that leads out of it is an error.
    pub(super) fn open_in(&self, name: &Path, how: How) -> io::Result<File> {
        let links = !guests::may_write(&self.0.ancestors);
        Ok(File::from(beneath::open(&self.0.folder, name, how.flags(), how.mode(), links)?))
    }

    /// The same, and no link is followed. It must not be a path.
    pub(super) fn open_itself(&self, name: &OsStr, how: How) -> io::Result<File> {
        let flags = how.flags() | OFlags::NOFOLLOW;
        Ok(File::from(fs::openat(&self.0.folder, name, flags, how.mode())?))
    }

    /// Whether something has this name in it, which must not be a path.
    pub(super) fn is_there(&self, name: &OsStr) -> bool {
        fs::statat(&self.0.folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// What is known of something in it.
    pub(super) fn known_in(&self, name: &Path) -> io::Result<Metadata> {
        let links = !guests::may_write(&self.0.ancestors);
        File::from(beneath::open(&self.0.folder, name, beneath::LOOK, Mode::empty(), links)?).metadata()
    }

    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let entries = fs::Dir::new(fs::openat(&self.0.folder, ".", flags, Mode::empty())?)?;
        let names = entries.map(|entry| Ok(OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned()));
        let is_other =
            |name: &io::Result<OsString>| !name.as_ref().is_ok_and(|name| name == "." || name == "..");
        names.filter(is_other).collect()
    }

    pub(super) fn rename(&self, from: &OsStr, to: &Self, name: &OsStr) -> io::Result<()> {
        Ok(fs::renameat(&self.0.folder, from, &to.0.folder, name)?)
    }

    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(fs::unlinkat(&self.0.folder, name, AtFlags::empty())?)
    }

    /// Returns once the names in it are on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(fs::fsync(self.to_lock()?)?)
    }

    /// The folder as it must be open to be locked.
    pub(super) fn to_lock(&self) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(File::from(fs::openat(&self.0.folder, ".", flags, Mode::empty())?))
    }
}
