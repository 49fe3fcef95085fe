//! From a path to a folder that is open and a name in it, component by component.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path};

use rustix::fs::{self, CWD, Mode, OFlags};
use rustix::io::Errno;

use super::guests::{self, Id};

/// So many links lead from a path to a file, as the system has it.
const LINKS: usize = 40;

/// How folders are opened to go through them.
#[cfg(target_os = "linux")]
const THROUGH: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const THROUGH: OFlags = OFlags::RDONLY;

/// A folder that is open, and the folders that it lies in.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) folder: OwnedFd,
    /// From the root down to the folder itself.
    pub(super) ancestors: Vec<Id>,
}

/// Where a path leads.
pub(super) struct Found {
    pub(super) spot: Spot,
    /// Of something in the folder that is no folder, or is not there; none if the path leads to the folder.
    pub(super) name: Option<OsString>,
    /// The name is a link that only the system can follow, as in `/proc/self/fd`.
    pub(super) magic: bool,
}

/// Whether what stands at the end of a path is looked at or, if it is a link, what that leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Followed,
    Itself,
}

/// A look at each folder on the way.
pub(super) type Check<'a> = &'a dyn Fn(&OwnedFd) -> io::Result<()>;

/// Follows a path as the system would, but for links in folders that functions may write: they are refused.
pub(super) fn find(path: &Path, last: Last, check: Check) -> io::Result<Found> {
    let mut rest = components(path);
    let start = if path.is_absolute() { Spot::root(check)? } else { Spot::here(check)? };
    if rest.is_empty() && path.as_os_str().is_empty() {
        return Err(Errno::NOENT.into());
    }
    let (mut spot, mut links) = (start, 0);
    while let Some(name) = rest.pop() {
        let (is_last, found) =
            (rest.is_empty(), |spot, magic| Found { spot, name: Some(name.clone()), magic });
        if name == ".." {
            spot.leave(check)?;
            continue;
        }
        match spot.enter(&name, OFlags::NOFOLLOW) {
            Ok(folder) => {
                check(&folder)?;
                spot.go_on(folder)?;
                continue;
            }
            Err(Errno::NOTDIR | Errno::LOOP) if is_last && last == Last::Itself => {
                return Ok(found(spot, false));
            }
            Err(Errno::NOTDIR | Errno::LOOP) => {}
            Err(Errno::NOENT) if is_last => return Ok(found(spot, false)),
            Err(error) => return Err(error.into()),
        }
        let target = match fs::readlinkat(&spot.folder, &*name, Vec::new()) {
            Ok(target) => OsString::from_vec(target.into_bytes()),
            Err(Errno::INVAL) if is_last => return Ok(found(spot, false)),
            Err(Errno::INVAL) => return Err(Errno::NOTDIR.into()),
            Err(error) => return Err(error.into()),
        };
        guests::follow_link(&spot.ancestors)?;
        links += 1;
        if links > LINKS {
            return Err(Errno::LOOP.into());
        }
        if is_magic(&spot.folder) {
            match spot.enter(&name, OFlags::empty()) {
                Ok(folder) => spot = Spot::of(folder)?,
                Err(Errno::NOTDIR) if is_last => return Ok(found(spot, true)),
                Err(error) => return Err(error.into()),
            }
            continue;
        }
        if Path::new(&target).is_absolute() {
            spot = Spot::root(check)?;
        }
        rest.extend(components(Path::new(&target)));
    }
    Ok(Found { spot, name: None, magic: false })
}

/// The names in a path, the last first.
fn components(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsStr::new("..").to_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    });
    names.rev().collect()
}

impl Spot {
    fn root(check: Check) -> io::Result<Self> {
        let folder = fs::openat(CWD, "/", THROUGH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        check(&folder)?;
        let ancestors = vec![id_of(&folder)?];
        Ok(Self { folder, ancestors })
    }

    fn here(check: Check) -> io::Result<Self> {
        let folder = fs::openat(CWD, ".", THROUGH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        check(&folder)?;
        Self::of(folder)
    }

    /// A folder that was reached in another way than from the root.
    pub(super) fn of(folder: OwnedFd) -> io::Result<Self> {
        let mut ancestors = vec![id_of(&folder)?];
        let mut above = folder.try_clone()?;
        // What can't be looked at is not known to be a function's.
        while let Ok(next) = open_folder(&above, OsStr::new(".."), OFlags::NOFOLLOW) {
            let id = id_of(&next)?;
            if ancestors.last() == Some(&id) {
                break;
            }
            ancestors.push(id);
            above = next;
        }
        ancestors.reverse();
        Ok(Self { folder, ancestors })
    }

    fn enter(&self, name: &OsStr, links: OFlags) -> Result<OwnedFd, Errno> {
        open_folder(&self.folder, name, links)
    }

    fn go_on(&mut self, folder: OwnedFd) -> io::Result<()> {
        self.ancestors.push(id_of(&folder)?);
        self.folder = folder;
        Ok(())
    }

    /// Goes to the folder above. What a function may write is still on the way there.
    fn leave(&mut self, check: Check) -> io::Result<()> {
        let folder = self.enter(OsStr::new(".."), OFlags::NOFOLLOW)?;
        check(&folder)?;
        if guests::may_write(&self.ancestors) {
            return self.go_on(folder);
        }
        *self = Self::of(folder)?;
        Ok(())
    }
}

/// Opens a folder in another one.
pub(super) fn open_folder(at: &OwnedFd, name: &OsStr, links: OFlags) -> Result<OwnedFd, Errno> {
    fs::openat(at, name, THROUGH | OFlags::DIRECTORY | OFlags::CLOEXEC | links, Mode::empty())
}

pub(super) fn id_of(file: impl AsFd) -> io::Result<Id> {
    let known = fs::fstat(file)?;
    Ok((known.st_dev as u64, known.st_ino as u64))
}

/// Whether links in this folder lead to more than their text says.
#[cfg(target_os = "linux")]
fn is_magic(folder: &OwnedFd) -> bool {
    fs::fstatfs(folder).is_ok_and(|known| known.f_type == fs::PROC_SUPER_MAGIC)
}

#[cfg(not(target_os = "linux"))]
fn is_magic(_: &OwnedFd) -> bool {
    false
}
