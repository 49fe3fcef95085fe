//! Files beneath a folder that is open: no name and no link leads out of it.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;

use super::walk::open_folder;

/// To look at something without reading it.
#[cfg(target_os = "linux")]
pub(super) const LOOK: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
pub(super) const LOOK: OFlags = OFlags::RDONLY;

/// Opens what `path` leads to in a folder. Links are followed if `links`, as far as they stay in it.
pub(super) fn open(
    folder: &OwnedFd,
    path: &Path,
    flags: OFlags,
    mode: Mode,
    links: bool,
) -> io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    match by_system(folder, path, flags, mode, links) {
        // A kernel before 5.6, or a filter that knows no newer one.
        Err(Errno::NOSYS | Errno::PERM) => {}
        opened => return Ok(opened?),
    }
    let _ = links;
    Ok(by_component(folder, path, flags, mode)?)
}

#[cfg(target_os = "linux")]
fn by_system(
    folder: &OwnedFd,
    path: &Path,
    flags: OFlags,
    mode: Mode,
    links: bool,
) -> Result<OwnedFd, Errno> {
    use rustix::fs::ResolveFlags;

    let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    if !links {
        resolve |= ResolveFlags::NO_SYMLINKS;
    }
    // Somebody else renames folders at the same time.
    let mut tries = 0;
    loop {
        match fs::openat2(folder, path, flags, mode, resolve) {
            Err(Errno::AGAIN | Errno::INTR) if tries < 100 => tries += 1,
            opened => return opened,
        }
    }
}

/// The same where the system can't be asked: it follows no links at all.
fn by_component(folder: &OwnedFd, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(Errno::XDEV),
        }
    }
    let last = names.pop().unwrap_or(OsStr::new("."));
    let mut at: Option<OwnedFd> = None;
    for name in names {
        at = Some(open_folder(at.as_ref().unwrap_or(folder), name, OFlags::NOFOLLOW)?);
    }
    fs::openat(at.as_ref().unwrap_or(folder), last, flags | OFlags::NOFOLLOW, mode)
}
