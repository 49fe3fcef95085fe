//! Files and folders on Unix: names are opened relative to an open folder.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{self, Access, AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::guests::{self, Id};
use super::open_options::{LastLink, OpenOptions};
pub(super) use super::walk::OpenFolder;
use super::walk::{self, Found};
use super::{Folder, beneath, kind, outside};

impl OpenOptions {
    /// Flags with which opening never blocks, and no terminal becomes this process's.
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

/// Opens what a path leads to. Never blocks. In a folder that functions may write, only regular files are opened.
pub(super) fn open(path: &Path, how: OpenOptions) -> io::Result<File> {
    let Found { folder, name, magic } = walk::find(path, LastLink::Followed, &|_| Ok(()))?;
    let name = name.ok_or_else(kind::is_folder)?;
    let links = if magic { OFlags::empty() } else { OFlags::NOFOLLOW };
    let file = match fs::openat(&folder.descriptor, &*name, how.flags() | links, how.mode()) {
        Err(error) => outside::instead(error.into(), path)?.open(how.append)?,
        Ok(file) => File::from(file),
    };
    if guests::may_write(&folder.ancestors) {
        kind::check_regular(&file.metadata()?)?;
    }
    Ok(file)
}

/// The metadata of what a path leads to. Opens it only if the system can't do without.
pub(super) fn known(path: &Path) -> io::Result<Metadata> {
    let Found { folder, name, magic } = walk::find(path, LastLink::Followed, &|_| Ok(()))?;
    let Some(name) = name else { return File::from(folder.descriptor).metadata() };
    let links = if magic { OFlags::empty() } else { OFlags::NOFOLLOW };
    File::from(fs::openat(&folder.descriptor, &*name, beneath::LOOK | links, Mode::empty())?).metadata()
}

/// Checks that this process may read what a path leads to, without opening it.
pub(super) fn check_permission(path: &Path) -> io::Result<()> {
    let Found { folder, name, .. } = walk::find(path, LastLink::Followed, &|_| Ok(()))?;
    let name = name.ok_or_else(kind::is_folder)?;
    Ok(fs::accessat(&folder.descriptor, &*name, Access::READ_OK, AtFlags::EACCESS)?)
}

/// The folder and the name in it that a path stands for.
pub(super) fn place(path: &Path, last: LastLink) -> io::Result<(OpenFolder, OsString)> {
    let Found { folder, name, .. } = walk::find(path, last, &|_| Ok(()))?;
    let name = name.ok_or_else(kind::is_folder)?;
    Ok((folder, name))
}

/// Lets reading and writing block again, after opening that must not.
pub(super) fn let_wait(file: &File) -> io::Result<()> {
    let flags = fs::fcntl_getfl(file)?;
    Ok(fs::fcntl_setfl(file, flags - OFlags::NONBLOCK)?)
}

/// Makes writing go to the end of the file as it is then.
pub(super) fn let_append(file: &File) -> io::Result<()> {
    let flags = fs::fcntl_getfl(file)?;
    Ok(fs::fcntl_setfl(file, flags | OFlags::APPEND)?)
}

/// Waits until a pipe has a writer.
pub(super) fn wait_for_writer(pipe: &File) -> io::Result<()> {
    wait_for(pipe, PollFlags::IN)
}

/// Waits until a descriptor can be read or written, or can't ever.
fn wait_for(descriptor: impl AsFd, what: PollFlags) -> io::Result<()> {
    let mut asked = [PollFd::new(&descriptor, what)];
    loop {
        match poll(&mut asked, None) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

pub(super) fn check_stdin() -> io::Result<()> {
    match fs::fcntl_getfl(io::stdin())? & OFlags::RWMODE {
        OFlags::WRONLY => Err(io::Error::other("it is open only for writing: redirect it with `< FILE`")),
        _ => Ok(()),
    }
}

pub(super) fn read_stdin(buffer: &mut [u8]) -> io::Result<usize> {
    match rustix::io::read(io::stdin(), buffer) {
        Err(Errno::BADF) => check_stdin().and(Err(Errno::BADF.into())),
        read => Ok(read?),
    }
}

pub(super) fn wait_for_stdin() -> io::Result<()> {
    wait_for(io::stdin(), PollFlags::IN)
}

pub(super) fn check_stdout() -> io::Result<()> {
    match fs::fcntl_getfl(io::stdout())? & OFlags::RWMODE {
        OFlags::RDONLY => Err(io::Error::other("it is open only for reading: redirect it with `> FILE`")),
        _ => Ok(()),
    }
}

pub(super) fn write_stdout(bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::io::write(io::stdout(), bytes)?)
}

pub(super) fn wait_for_stdout() -> io::Result<()> {
    wait_for(io::stdout(), PollFlags::OUT)
}

/// Whether a pipe could not be opened because it has no reader.
pub(super) fn has_no_reader(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::NXIO)
}

/// Whether something could not be opened because it is a link that leads out, or a socket.
pub(super) fn is_no_file(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::XDEV | Errno::LOOP | Errno::NXIO))
}

impl Folder {
    /// A folder that another process has opened.
    pub(crate) fn opened(folder: OwnedFd) -> io::Result<Self> {
        Ok(Self(Arc::new(OpenFolder::of(folder)?)))
    }

    /// Its descriptor, for another process.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.descriptor.as_fd()
    }
}

impl OpenFolder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let Found { folder, name, .. } = walk::find(path, LastLink::Followed, &|_| Ok(()))?;
        match name {
            // Tells a file from a missing one.
            Some(name) => Err(fs::statat(&folder.descriptor, &*name, AtFlags::SYMLINK_NOFOLLOW)
                .map_or_else(Into::into, |_| Errno::NOTDIR.into())),
            None => Ok(folder),
        }
    }

    pub(super) fn id(&self) -> Option<Id> {
        self.ancestors.last().copied()
    }

    /// A path that leads to it in this process, even after it was renamed.
    pub(super) fn path(&self) -> Option<PathBuf> {
        let folder = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
        Some(Path::new(folder).join(self.descriptor.as_raw_fd().to_string()))
    }

    /// Opens something in it. Never blocks. A link that leads out of it is an error.
    pub(super) fn open_in(&self, name: &Path, how: OpenOptions) -> io::Result<File> {
        let links = !guests::may_write(&self.ancestors);
        Ok(File::from(beneath::open(&self.descriptor, name, how.flags(), how.mode(), links)?))
    }

    /// Opens a name in it, which must not be a path. Follows no link.
    pub(super) fn open_itself(&self, name: &OsStr, how: OpenOptions) -> io::Result<File> {
        let flags = how.flags() | OFlags::NOFOLLOW;
        Ok(File::from(fs::openat(&self.descriptor, name, flags, how.mode())?))
    }

    /// Whether it has something of this name, which must not be a path.
    pub(super) fn is_there(&self, name: &OsStr) -> bool {
        fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// The metadata of something in it.
    pub(super) fn known_in(&self, name: &Path) -> io::Result<Metadata> {
        let links = !guests::may_write(&self.ancestors);
        File::from(beneath::open(&self.descriptor, name, beneath::LOOK, Mode::empty(), links)?).metadata()
    }

    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let entries = fs::Dir::new(fs::openat(&self.descriptor, ".", flags, Mode::empty())?)?;
        let names = entries.map(|entry| Ok(OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned()));
        let is_other =
            |name: &io::Result<OsString>| !name.as_ref().is_ok_and(|name| name == "." || name == "..");
        names.filter(is_other).collect()
    }

    pub(super) fn rename(&self, from: &OsStr, to: &Self, name: &OsStr) -> io::Result<()> {
        Ok(fs::renameat(&self.descriptor, from, &to.descriptor, name)?)
    }

    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(fs::unlinkat(&self.descriptor, name, AtFlags::empty())?)
    }

    /// Syncs the names in it to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(fs::fsync(self.to_lock()?)?)
    }

    /// Opens it again in a way that allows to lock it.
    pub(super) fn to_lock(&self) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(File::from(fs::openat(&self.descriptor, ".", flags, Mode::empty())?))
    }
}
