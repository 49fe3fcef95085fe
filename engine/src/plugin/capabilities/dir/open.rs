//! How guests open files: never so that it blocks, and nothing but files and folders.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_primitives::fs::{FollowSymlinks, OpenOptions};
use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorFlags, ErrorCode, OpenFlags, PathFlags};

use super::context::FileContext;
use super::convert::inode;
use super::found::{Found, nonblocking};
use super::node::{Kind, Node};
use crate::plugin::host::quota::Made;
use crate::plugin::host::resources::Charge;

/// What a guest asks to have opened.
pub(super) struct Request {
    pub(super) path: String,
    pub(super) follow: bool,
    create: bool,
    exclusive: bool,
    truncate: bool,
    folder: bool,
    read: bool,
    write: bool,
}

/// How often a file is looked for again that others make and remove meanwhile.
const TRIES: usize = 4;

/// Links that are followed at most, as in the system.
const LINKS: usize = 40;

impl Request {
    /// Checks what is asked for, of somebody who may only read unless `writable`.
    pub(super) fn new(
        path: String,
        path_flags: PathFlags,
        open: OpenFlags,
        flags: DescriptorFlags,
        writable: bool,
    ) -> Result<Self, ErrorCode> {
        let sync = DescriptorFlags::FILE_INTEGRITY_SYNC
            | DescriptorFlags::DATA_INTEGRITY_SYNC
            | DescriptorFlags::REQUESTED_WRITE_SYNC;
        if flags.intersects(sync) {
            return Err(ErrorCode::Unsupported);
        }
        let [create, exclusive, truncate, folder] =
            [OpenFlags::CREATE, OpenFlags::EXCLUSIVE, OpenFlags::TRUNCATE, OpenFlags::DIRECTORY]
                .map(|flag| open.contains(flag));
        if folder && (create || exclusive || truncate) {
            return Err(ErrorCode::Invalid);
        }
        let wants_write = flags.contains(DescriptorFlags::WRITE);
        let write = wants_write || create || truncate;
        if write && !writable {
            return Err(ErrorCode::NotPermitted);
        }
        // What is not opened to be written is opened to be read: the system wants either.
        let read = flags.contains(DescriptorFlags::READ) || !wants_write;
        let follow = path_flags.contains(PathFlags::SYMLINK_FOLLOW);
        Ok(Self { path, follow, create, exclusive, truncate, folder, read, write })
    }

    /// Opens it in `folder`.
    pub(super) fn open(
        &self,
        folder: &Node,
        descriptor: Charge,
        context: &Arc<FileContext>,
    ) -> Result<Node, ErrorCode> {
        let (file, made) = self.find_or_make(folder, context)?;
        let metadata = file.metadata()?;
        if let Some(made) = made {
            made.done(inode(&metadata));
        }
        let kind = match metadata.file_type() {
            found if found.is_dir() => Kind::Folder,
            _ if self.folder => return Err(ErrorCode::NotDirectory),
            found if found.is_file() => Kind::File,
            // Pipes, sockets and devices: reading them may block, and they are no part of a folder's data.
            _ => return Err(ErrorCode::NotPermitted),
        };
        let node =
            Node::opened(file, kind, (self.read, self.write), folder.grant.clone(), descriptor, context)?;
        if self.truncate && kind == Kind::File {
            node.set_size(0)?;
        }
        Ok(node)
    }

    fn find_or_make(
        &self,
        folder: &Node,
        context: &Arc<FileContext>,
    ) -> Result<(File, Option<Made>), ErrorCode> {
        let Some(quota) = folder.grant.as_ref().filter(|_| self.create) else {
            return Ok((self.find(folder)??, None));
        };
        for _ in 0..TRIES {
            if !self.exclusive {
                match self.find(folder) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    found => return Ok((found??, None)),
                }
            }
            let made = context.disk().make(quota).map_err(|_| ErrorCode::Quota)?;
            match self.make(folder, Path::new(&self.path)) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && !self.exclusive => {}
                file => return Ok((file?, Some(made))),
            }
        }
        // A link that leads to nothing: the file behind it is made.
        let made = context.disk().make(quota).map_err(|_| ErrorCode::Quota)?;
        let mut path = PathBuf::from(&self.path);
        for _ in 0..if self.follow { LINKS } else { 0 } {
            let Ok(target) = cap_primitives::fs::read_link(folder.as_file(), &path) else { break };
            path.set_file_name(target);
        }
        match self.make(folder, &path) {
            // Somebody else was faster.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Ok((self.find(folder)??, None))
            }
            file => Ok((file?, Some(made))),
        }
    }

    /// Makes a file where there is nothing, not even a link: what is there might be a pipe.
    fn make(&self, folder: &Node, path: &Path) -> std::io::Result<File> {
        cap_primitives::fs::open(folder.as_file(), path, self.options().create_new(true))
    }

    /// Opens what is there, if it is a file or a folder.
    fn find(&self, folder: &Node) -> std::io::Result<Result<File, ErrorCode>> {
        let found = Found::look(folder.as_file(), Path::new(&self.path), self.follow)?;
        match found.is_special() {
            true if self.folder => Ok(Err(ErrorCode::NotDirectory)),
            true => Ok(Err(ErrorCode::NotPermitted)),
            false => found.open(self.read, self.write).map(Ok),
        }
    }

    fn options(&self) -> OpenOptions {
        let mut options = nonblocking(if self.follow { FollowSymlinks::Yes } else { FollowSymlinks::No });
        options.read(self.read).write(self.write)._cap_fs_ext_maybe_dir(true);
        options
    }
}
