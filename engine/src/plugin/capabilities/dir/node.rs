//! Files and folders that a guest holds open.

use std::fs::File;
#[cfg(unix)]
use std::os::unix::fs::FileExt;
#[cfg(windows)]
use std::os::windows::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use super::context::{FileContext, Open};
use super::convert::inode;
use crate::plugin::host::quota::{Change, Growth, Hold, Quota};
use crate::plugin::host::resources::Charge;

/// A folder that was granted.
pub(super) struct Folder {
    pub(super) file: Arc<File>,
    /// Under which the guest finds it.
    pub(super) name: String,
    /// None if it may only be read.
    pub(super) quota: Option<Arc<Quota>>,
}

/// A file or folder that is open.
#[derive(Clone)]
pub(super) struct Node {
    /// Until the last handle, stream and operation is done with it.
    opened: Arc<Open<Inside>>,
    kind: Kind,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// Who pays for what is written; none if it may only be read.
    pub(super) grant: Option<Arc<Quota>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
}

/// Dropped in this order: what a file takes is free when it is closed.
struct Inside {
    file: Arc<File>,
    hold: Option<Hold>,
    _descriptor: Option<Charge>,
}

impl Node {
    /// A folder that was granted, which stays open.
    pub(super) fn granted(folder: &Folder) -> Self {
        let inside = Inside { file: folder.file.clone(), hold: None, _descriptor: None };
        Self {
            opened: Arc::new(Open::new(inside, None)),
            kind: Kind::Folder,
            readable: true,
            writable: folder.quota.is_some(),
            grant: folder.quota.clone(),
        }
    }

    /// What was opened in a folder.
    pub(super) fn opened(
        file: File,
        kind: Kind,
        (readable, writable): (bool, bool),
        grant: Option<Arc<Quota>>,
        descriptor: Charge,
        context: &Arc<FileContext>,
    ) -> Result<Self, ErrorCode> {
        let metadata = file.metadata()?;
        let hold = (kind == Kind::File).then(|| inode(&metadata)).flatten();
        let hold = hold.map(|inode| context.disk().hold(inode, metadata.len()));
        let inside = Inside { file: Arc::new(file), hold, _descriptor: Some(descriptor) };
        let opened = Arc::new(Open::new(inside, Some(context)));
        Ok(Self { opened, kind, readable, writable, grant })
    }

    pub(super) fn is_folder(&self) -> bool {
        self.kind == Kind::Folder
    }

    pub(super) fn as_file(&self) -> &File {
        &self.opened.file
    }

    /// Takes what an operation may make the file larger by; the guard is dropped when that is done.
    pub(super) fn change(&self, growth: Growth) -> Result<Option<Change<'_>>, ErrorCode> {
        let Some(quota) = &self.grant else { return Err(ErrorCode::NotPermitted) };
        let Inside { file, hold, .. } = &**self.opened;
        let change = hold.as_ref().map(|hold| hold.change(file, quota, growth)).transpose();
        change.map_err(|_| ErrorCode::Quota)
    }

    /// Reads at most `most` bytes at an offset.
    pub(super) fn read(&self, most: usize, at: u64) -> Result<Vec<u8>, ErrorCode> {
        let mut bytes = vec![0; most];
        let read = loop {
            match read_at(self.as_file(), &mut bytes, at) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Writes at a place, and says how much.
    pub(super) fn write(&self, bytes: &[u8], at: u64) -> Result<usize, ErrorCode> {
        let end = at.checked_add(bytes.len() as u64).ok_or(ErrorCode::FileTooLarge)?;
        let _change = self.change(Growth::To(end))?;
        Ok(write_at(self.as_file(), bytes, at)?)
    }

    /// Writes at the end, and says how much.
    pub(super) fn append(&self, bytes: &[u8]) -> Result<usize, ErrorCode> {
        let _change = self.change(Growth::By(bytes.len() as u64))?;
        #[cfg(target_os = "linux")]
        {
            use rustix::io::{Errno, ReadWriteFlags, pwritev2};
            let slices = [std::io::IoSlice::new(bytes)];
            match pwritev2(self.as_file(), &slices, 0, ReadWriteFlags::APPEND) {
                Err(Errno::NOSYS | Errno::NOTSUP) => {}
                written => return Ok(written.map_err(std::io::Error::from)?),
            }
        }
        let end = self.as_file().metadata()?.len();
        Ok(write_at(self.as_file(), bytes, end)?)
    }

    /// Makes it as long as this.
    pub(super) fn set_size(&self, size: u64) -> Result<(), ErrorCode> {
        let _change = self.change(Growth::To(size))?;
        Ok(self.as_file().set_len(size)?)
    }
}

/// Opens a folder on the host, to be granted.
pub(in crate::plugin) fn open_granted(path: &Path) -> std::io::Result<File> {
    cap_primitives::fs::open_ambient_dir(path, cap_primitives::ambient_authority())
}

fn read_at(file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<usize> {
    #[cfg(unix)]
    return file.read_at(bytes, at);
    #[cfg(windows)]
    return file.seek_read(bytes, at);
}

fn write_at(file: &File, bytes: &[u8], at: u64) -> std::io::Result<usize> {
    #[cfg(unix)]
    return file.write_at(bytes, at);
    #[cfg(windows)]
    return file.seek_write(bytes, at);
}
