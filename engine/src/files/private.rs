//! Opens and creates folders that no other user can change.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, Mode};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::guests;
use super::open_options::LastLink;
use super::walk::{self, Found, OpenFolder};

/// The permissions with which other users may change a folder.
const OTHERS_WRITE: Mode = Mode::WGRP.union(Mode::WOTH);

impl OpenFolder {
    /// Opens a folder of this user, and creates it if it does not exist. It and all folders that contain it are checked
    /// as they are opened, so that none of them can be replaced afterwards.
    pub(super) fn private(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let opened = match open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(&path)?;
                open(&path)
            }
            opened => opened,
        };
        let folder = opened?;
        let known = fs::fstat(&folder.descriptor)?;
        let mode = Mode::from_raw_mode(known.st_mode);
        if known.st_uid != geteuid().as_raw() || mode.intersects(OTHERS_WRITE) {
            return Err(foreign());
        }
        if guests::trust(&folder.ancestors) { Ok(folder) } else { Err(foreign()) }
    }
}

fn open(path: &Path) -> io::Result<OpenFolder> {
    match walk::find(path, LastLink::Followed, &check)? {
        Found { folder, name: None, .. } => Ok(folder),
        Found { folder, name: Some(name), .. } => {
            fs::statat(&folder.descriptor, &*name, AtFlags::SYMLINK_NOFOLLOW)?;
            Err(Errno::NOTDIR.into())
        }
    }
}

/// Creates the folders of a path that do not exist.
fn make(path: &Path) -> io::Result<()> {
    let mut way = PathBuf::new();
    for component in path.components() {
        way.push(component);
        if let Found { folder, name: Some(name), .. } = walk::find(&way, LastLink::Followed, &check)? {
            make_in(&folder.descriptor, &name)?;
        }
    }
    Ok(())
}

fn make_in(folder: &OwnedFd, name: &OsStr) -> io::Result<()> {
    match fs::mkdirat(folder, name, Mode::RWXU) {
        // Another process has created it.
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Checks that no other user could replace a folder within this one.
fn check(folder: &OwnedFd) -> io::Result<()> {
    let known = fs::fstat(folder)?;
    let is_ours = known.st_uid == 0 || known.st_uid == geteuid().as_raw();
    let mode = Mode::from_raw_mode(known.st_mode);
    // In a sticky folder each user may remove only what they own.
    let is_closed = !mode.intersects(OTHERS_WRITE) || mode.contains(Mode::SVTX);
    if is_ours && is_closed { Ok(()) } else { Err(foreign()) }
}

fn foreign() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "other users can change it, or a folder that contains it")
}
