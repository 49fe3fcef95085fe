//! What guests do to the names in folders.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use cap_primitives::fs::{self, DirOptions, FollowSymlinks, SystemTimeSpec};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use super::convert::{inode_at, times};
use super::found::Found;
use super::node::Node;
use crate::plugin::host::quota::{Disk, Inode, Made};

/// Makes something new in a folder, which counts as a block of its quota.
pub(super) fn make(
    folder: &Node,
    path: &str,
    disk: &Arc<Disk>,
    make: impl FnOnce(&std::fs::File, &Path) -> std::io::Result<()>,
) -> Result<(), ErrorCode> {
    let made = made(folder, disk)?;
    make(folder.as_file(), path.as_ref())?;
    let metadata = fs::stat(folder.as_file(), path.as_ref(), FollowSymlinks::No).ok();
    made.done(metadata.as_ref().and_then(inode_at));
    Ok(())
}

fn made(folder: &Node, disk: &Arc<Disk>) -> Result<Made, ErrorCode> {
    let quota = folder.grant.as_ref().ok_or(ErrorCode::NotPermitted)?;
    disk.make(quota).map_err(|_| ErrorCode::Quota)
}

pub(super) fn create_folder(folder: &Node, path: &str, disk: &Arc<Disk>) -> Result<(), ErrorCode> {
    make(folder, path, disk, |folder, path| fs::create_dir(folder, path, &DirOptions::new()))
}

pub(super) fn symlink(target: &str, folder: &Node, path: &str, disk: &Arc<Disk>) -> Result<(), ErrorCode> {
    make(folder, path, disk, |folder, path| {
        #[cfg(not(windows))]
        return fs::symlink(target.as_ref(), folder, path);
        #[cfg(windows)]
        return fs::symlink_file(target.as_ref(), folder, path);
    })
}

pub(super) fn hard_link(
    (old, old_path): (&Node, &str),
    (new, new_path): (&Node, &str),
    disk: &Arc<Disk>,
) -> Result<(), ErrorCode> {
    make(new, new_path, disk, |new, path| fs::hard_link(old.as_file(), old_path.as_ref(), new, path))
}

pub(super) fn remove_file(folder: &Node, path: &str, disk: &Disk) -> Result<(), ErrorCode> {
    let doomed = Doomed::find(folder, path);
    fs::remove_file(folder.as_file(), path.as_ref())?;
    doomed.note_done(disk);
    Ok(())
}

pub(super) fn remove_folder(folder: &Node, path: &str, disk: &Disk) -> Result<(), ErrorCode> {
    let doomed = Doomed::find(folder, path);
    fs::remove_dir(folder.as_file(), path.as_ref())?;
    doomed.note_done(disk);
    Ok(())
}

pub(super) fn rename(
    (old, old_path): (&Node, &str),
    (new, new_path): (&Node, &str),
    disk: &Disk,
) -> Result<(), ErrorCode> {
    let doomed = Doomed::find(new, new_path);
    fs::rename(old.as_file(), old_path.as_ref(), new.as_file(), new_path.as_ref())?;
    doomed.note_done(disk);
    Ok(())
}

/// What a name stood for that is about to be removed: others may give the name to something else meanwhile, so
/// only what was opened tells whether it is gone.
struct Doomed(Option<std::fs::File>);

impl Doomed {
    #[cfg(target_os = "linux")]
    fn find(folder: &Node, path: &str) -> Self {
        Self(super::found::look_at(folder.as_file(), path.as_ref(), FollowSymlinks::No).ok())
    }

    /// Where nothing can be opened without reading it, what is removed stays counted.
    #[cfg(not(target_os = "linux"))]
    fn find(_: &Node, _: &str) -> Self {
        Self(None)
    }

    fn note_done(self, disk: &Disk) {
        if let Some(inode) = self.lost() {
            disk.gone(inode);
        }
    }

    #[cfg(unix)]
    fn lost(&self) -> Option<Inode> {
        use std::os::unix::fs::MetadataExt;
        let metadata = self.0.as_ref()?.metadata().ok().filter(|metadata| metadata.nlink() == 0)?;
        super::convert::inode(&metadata)
    }

    #[cfg(not(unix))]
    fn lost(&self) -> Option<Inode> {
        None
    }
}

/// Sets when a file was read and changed.
pub(super) fn set_times(
    folder: &Node,
    path: &str,
    follow: bool,
    (accessed, modified): (Option<SystemTime>, Option<SystemTime>),
) -> Result<(), ErrorCode> {
    let path = Path::new(path);
    let found = Found::look(folder.as_file(), path, follow)?;
    if !follow {
        if let Ok(file) = found.open(true, false) {
            return Ok(file.set_times(times(accessed, modified))?);
        }
        // What can't be opened, as a link, has its times set by its name, which the wall refuses.
        let spec = |time: Option<SystemTime>| {
            time.map(|time| SystemTimeSpec::Absolute(cap_primitives::time::SystemTime::from_std(time)))
        };
        return Ok(fs::set_times_nofollow(folder.as_file(), path, spec(accessed), spec(modified))?);
    }
    if found.is_special() {
        return Err(ErrorCode::NotPermitted);
    }
    let file = match found.open(false, true) {
        Err(error) if matches!(error.kind(), ErrorKind::IsADirectory | ErrorKind::PermissionDenied) => {
            found.open(true, false)?
        }
        file => file?,
    };
    Ok(file.set_times(times(accessed, modified))?)
}
