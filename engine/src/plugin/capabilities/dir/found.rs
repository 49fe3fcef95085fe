//! What a path leads to, looked at before it is opened: to open a pipe or a device would already do something to it,
//! as a process goes on that waits for the pipe's other end.

use std::fs::File;
use std::io;
use std::path::Path;

use cap_primitives::fs::{self, FollowSymlinks, OpenOptions};

/// What a path leads to.
pub(super) struct Found<'a> {
    folder: &'a File,
    path: &'a Path,
    follow: FollowSymlinks,
    /// What was looked at, which may have another name by now.
    #[cfg(target_os = "linux")]
    seen: File,
    is_special: bool,
}

impl<'a> Found<'a> {
    #[cfg(target_os = "linux")]
    pub(super) fn look(folder: &'a File, path: &'a Path, follow: bool) -> io::Result<Self> {
        use std::os::unix::fs::FileTypeExt;
        let follow = following(follow);
        let seen = look_at(folder, path, follow)?;
        let kind = seen.metadata()?.file_type();
        let is_special =
            kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device();
        Ok(Self { folder, path, follow, seen, is_special })
    }

    /// Where nothing can be opened to be only looked at, the name may be given to something else meanwhile.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn look(folder: &'a File, path: &'a Path, follow: bool) -> io::Result<Self> {
        let follow = following(follow);
        let kind = fs::stat(folder, path, follow)?.file_type();
        let is_special = !(kind.is_file() || kind.is_dir() || kind.is_symlink());
        Ok(Self { folder, path, follow, is_special })
    }

    /// Whether it is a pipe, a socket or a device, which are no part of a folder's data, and may block.
    pub(super) fn is_special(&self) -> bool {
        self.is_special
    }

    /// Opens it, unless it is special.
    pub(super) fn open(&self, read: bool, write: bool) -> io::Result<File> {
        if self.is_special {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        #[cfg(target_os = "linux")]
        match self.reopen(read, write) {
            // Where /proc is not there, only the name is left.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        let mut options = nonblocking(self.follow);
        options.read(read).write(write)._cap_fs_ext_maybe_dir(true);
        fs::open(self.folder, self.path, &options)
    }

    /// Opens the very thing that was looked at.
    #[cfg(target_os = "linux")]
    fn reopen(&self, read: bool, write: bool) -> io::Result<File> {
        use std::os::fd::AsRawFd;
        use std::os::unix::fs::OpenOptionsExt;
        let link = format!("/proc/self/fd/{}", self.seen.as_raw_fd());
        File::options().read(read).write(write).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(link)
    }
}

fn following(follow: bool) -> FollowSymlinks {
    if follow { FollowSymlinks::Yes } else { FollowSymlinks::No }
}

/// Opens something to be only looked at, which neither blocks nor does anything to it.
#[cfg(target_os = "linux")]
pub(super) fn look_at(folder: &File, path: &Path, follow: FollowSymlinks) -> io::Result<File> {
    use cap_primitives::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    let flags = rustix::fs::OFlags::PATH.bits();
    options
        .read(true)
        ._cap_fs_ext_follow(follow)
        .custom_flags(i32::try_from(flags).expect("flags are few bits"));
    fs::open(folder, path, &options)
}

/// To open a pipe without somebody at its other end would block.
pub(super) fn nonblocking(follow: FollowSymlinks) -> OpenOptions {
    let mut options = OpenOptions::new();
    // cap-primitives keeps these for cap-fs-ext, which does nothing but call them.
    options._cap_fs_ext_follow(follow)._cap_fs_ext_nonblock(true);
    #[cfg(unix)]
    {
        use cap_primitives::fs::OpenOptionsExt;
        // Nor is a terminal to become this process's own.
        let flags = rustix::fs::OFlags::NOCTTY.bits();
        options.custom_flags(i32::try_from(flags).expect("flags are few bits"));
    }
    options
}
