//! Resolves a path, component by component, to an open folder and a name in it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path};

use rustix::fs::{self, CWD, Mode, OFlags};
use rustix::io::Errno;

use super::guests::{self, Id};
use super::open_options::LastLink;

/// The most links that are followed for a path, as in the system.
const LINKS: usize = 40;

/// How folders on the way are opened.
#[cfg(target_os = "linux")]
const THROUGH: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const THROUGH: OFlags = OFlags::RDONLY;

/// An open folder, and the folders that contain it.
#[derive(Debug)]
pub(super) struct OpenFolder {
    pub(super) descriptor: OwnedFd,
    /// From the root down to the folder itself.
    pub(super) ancestors: Vec<Id>,
}

/// Where a path leads.
pub(super) struct Found {
    pub(super) folder: OpenFolder,
    /// The name of something in the folder that is not a folder or does not exist; none if the path leads to the folder.
    pub(super) name: Option<OsString>,
    /// Whether the name is a link that only the system can follow, as in `/proc/self/fd`.
    pub(super) magic: bool,
}

/// Checks each folder on the way.
pub(super) type Check<'a> = &'a dyn Fn(&OwnedFd) -> io::Result<()>;

/// Resolves a path as the system would, but refuses links in folders that functions may write.
pub(super) fn find(path: &Path, last: LastLink, check: Check) -> io::Result<Found> {
    let mut rest = components(path);
    let start = if path.is_absolute() { OpenFolder::root(check)? } else { OpenFolder::here(check)? };
    if rest.is_empty() && path.as_os_str().is_empty() {
        return Err(Errno::NOENT.into());
    }
    let (mut folder, mut links) = (start, 0);
    while let Some(name) = rest.pop() {
        let (is_last, found) =
            (rest.is_empty(), |folder, magic| Found { folder, name: Some(name.clone()), magic });
        if name == ".." {
            folder.leave(check)?;
            continue;
        }
        match folder.enter(&name, OFlags::NOFOLLOW) {
            Ok(inner) => {
                check(&inner)?;
                folder.go_on(inner)?;
                continue;
            }
            Err(Errno::NOTDIR | Errno::LOOP) if is_last && last == LastLink::Itself => {
                return Ok(found(folder, false));
            }
            Err(Errno::NOTDIR | Errno::LOOP) => {}
            Err(Errno::NOENT) if is_last => return Ok(found(folder, false)),
            Err(error) => return Err(error.into()),
        }
        let target = match fs::readlinkat(&folder.descriptor, &*name, Vec::new()) {
            Ok(target) => OsString::from_vec(target.into_bytes()),
            Err(Errno::INVAL) if is_last => return Ok(found(folder, false)),
            Err(Errno::INVAL) => return Err(Errno::NOTDIR.into()),
            Err(error) => return Err(error.into()),
        };
        guests::follow_link(&folder.ancestors)?;
        links += 1;
        if links > LINKS {
            return Err(Errno::LOOP.into());
        }
        if is_magic(&folder.descriptor) {
            match folder.enter(&name, OFlags::empty()) {
                Ok(target) => folder = OpenFolder::of(target)?,
                Err(Errno::NOTDIR) if is_last => return Ok(found(folder, true)),
                Err(error) => return Err(error.into()),
            }
            continue;
        }
        if Path::new(&target).is_absolute() {
            folder = OpenFolder::root(check)?;
        }
        rest.extend(components(Path::new(&target)));
    }
    Ok(Found { folder, name: None, magic: false })
}

/// The names in a path, the last one first.
fn components(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsStr::new("..").to_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    });
    names.rev().collect()
}

impl OpenFolder {
    fn root(check: Check) -> io::Result<Self> {
        let descriptor = fs::openat(CWD, "/", THROUGH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        check(&descriptor)?;
        let ancestors = vec![id_of(&descriptor)?];
        Ok(Self { descriptor, ancestors })
    }

    fn here(check: Check) -> io::Result<Self> {
        let folder = fs::openat(CWD, ".", THROUGH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        check(&folder)?;
        Self::of(folder)
    }

    /// A folder that was not reached from the root, so its ancestors are looked up.
    pub(super) fn of(descriptor: OwnedFd) -> io::Result<Self> {
        let mut ancestors = vec![id_of(&descriptor)?];
        let mut above = descriptor.try_clone()?;
        // Ancestors that can't be opened are not known to be writable by functions.
        while let Ok(next) = open_folder(&above, OsStr::new(".."), OFlags::NOFOLLOW) {
            let id = id_of(&next)?;
            if ancestors.last() == Some(&id) {
                break;
            }
            ancestors.push(id);
            above = next;
        }
        ancestors.reverse();
        Ok(Self { descriptor, ancestors })
    }

    fn enter(&self, name: &OsStr, links: OFlags) -> Result<OwnedFd, Errno> {
        open_folder(&self.descriptor, name, links)
    }

    fn go_on(&mut self, folder: OwnedFd) -> io::Result<()> {
        self.ancestors.push(id_of(&folder)?);
        self.descriptor = folder;
        Ok(())
    }

    /// Goes to the parent folder. A folder that functions may write stays among its ancestors, since it is on the way.
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

/// Whether links in this folder lead to something else than their text says.
#[cfg(target_os = "linux")]
fn is_magic(folder: &OwnedFd) -> bool {
    fs::fstatfs(folder).is_ok_and(|known| known.f_type == fs::PROC_SUPER_MAGIC)
}

#[cfg(not(target_os = "linux"))]
fn is_magic(_: &OwnedFd) -> bool {
    false
}
