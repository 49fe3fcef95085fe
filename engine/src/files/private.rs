//! Folders that no other user can change.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, Mode};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::guests;
use super::system::Place;
use super::walk::{self, Found, Last};

/// Others may change what is in a folder.
const OTHERS_WRITE: Mode = Mode::WGRP.union(Mode::WOTH);

impl Place {
    /// Opens a folder of this user, and makes what is missing of it. It and all folders that it lies in are looked at
    /// as they are opened, so that none of them can be another one afterwards.
    pub(super) fn private(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let opened = match open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(&path)?;
                open(&path)
            }
            opened => opened,
        };
        let place = opened?;
        let known = fs::fstat(place.descriptor())?;
        let mode = Mode::from_raw_mode(known.st_mode);
        if known.st_uid != geteuid().as_raw() || mode.intersects(OTHERS_WRITE) {
            return Err(foreign());
        }
        if guests::trust(place.ancestors()) { Ok(place) } else { Err(foreign()) }
    }
}

fn open(path: &Path) -> io::Result<Place> {
    match walk::find(path, Last::Followed, &check)? {
        Found { spot, name: None, .. } => Ok(Place::of(spot)),
        Found { spot, name: Some(name), .. } => {
            fs::statat(&spot.folder, &*name, AtFlags::SYMLINK_NOFOLLOW)?;
            Err(Errno::NOTDIR.into())
        }
    }
}

/// Makes those folders of a path that are not there.
fn make(path: &Path) -> io::Result<()> {
    let mut way = PathBuf::new();
    for component in path.components() {
        way.push(component);
        if let Found { spot, name: Some(name), .. } = walk::find(&way, Last::Followed, &check)? {
            make_in(&spot.folder, &name)?;
        }
    }
    Ok(())
}

fn make_in(folder: &OwnedFd, name: &OsStr) -> io::Result<()> {
    match fs::mkdirat(folder, name, Mode::RWXU) {
        // Another process was faster.
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Fails if another user could replace a folder within this one.
fn check(folder: &OwnedFd) -> io::Result<()> {
    let known = fs::fstat(folder)?;
    let is_ours = known.st_uid == 0 || known.st_uid == geteuid().as_raw();
    let mode = Mode::from_raw_mode(known.st_mode);
    // In a sticky folder each user may remove only what they own.
    let is_closed = !mode.intersects(OTHERS_WRITE) || mode.contains(Mode::SVTX);
    if is_ours && is_closed { Ok(()) } else { Err(foreign()) }
}

fn foreign() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "others can change it, or a folder that it lies in")
}
