//! `wasi:filesystem`, call by call.

use std::path::Path;

use cap_primitives::fs::{self, FollowSymlinks, Metadata, OpenOptions};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self, Advice, Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry,
    DirectoryEntryStream, ErrorCode, Filesize, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

use super::context::{Files, UndeclaredFolder};
use super::convert::{FileError, hash, stat, time, times};
use super::listing::Listing;
use super::node::Node;
use super::open::Request;
use super::paths;
use super::streams::{CHUNK, Reader, Writer};
use crate::function::capability::{Dir, Grant};

impl preopens::Host for Files<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let folders = self.context.map_or(&[][..], |context| &context.folders[..]);
        if folders.is_empty() && self.undeclared.check(Dir::NAME).is_err() {
            let handle = self.table.push(UndeclaredFolder)?;
            return Ok(vec![(Resource::new_own(handle.rep()), "/".to_owned())]);
        }
        let mut handles = Vec::with_capacity(folders.len());
        for folder in folders {
            let handle = self.table.push(Node::granted(folder))?;
            handles.push((Resource::new_own(handle.rep()), folder.name.clone()));
        }
        Ok(handles)
    }
}

impl types::Host for Files<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        let error = self.table.get(&error)?;
        Ok(error.downcast_ref::<FileError>().map(|error| error.0))
    }
}

/// Whether the last part of a path is followed if it is a link.
fn follow(flags: PathFlags) -> FollowSymlinks {
    if flags.contains(PathFlags::SYMLINK_FOLLOW) { FollowSymlinks::Yes } else { FollowSymlinks::No }
}

/// A folder as the system can flush it: what was opened only to be found in can't be.
fn to_flush(node: &Node) -> Result<std::fs::File, ErrorCode> {
    if node.is_folder() {
        return Ok(fs::open(node.as_file(), Path::new("."), OpenOptions::new().read(true))?);
    }
    Ok(node.as_file().try_clone()?)
}

impl Files<'_> {
    /// Does what may block with what a handle stands for.
    async fn with<T: Send + 'static>(
        &mut self,
        node: Node,
        job: impl FnOnce(&Node) -> Result<T, ErrorCode> + Send + 'static,
    ) -> FsResult<T> {
        let context = self.context()?;
        Ok(context.run(move || job(&node)).await?)
    }
}

impl HostDescriptor for Files<'_> {
    async fn advise(
        &mut self,
        fd: Resource<Descriptor>,
        _: Filesize,
        _: Filesize,
        _: Advice,
    ) -> FsResult<()> {
        // Advice need not be taken: what is read ahead would be memory that nobody has charged.
        self.file(&fd).map(drop)
    }

    async fn sync_data(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        let node = self.node(&fd)?;
        self.with(node, |node| Ok(to_flush(node)?.sync_data()?)).await
    }

    async fn sync(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        let node = self.node(&fd)?;
        self.with(node, |node| Ok(to_flush(node)?.sync_all()?)).await
    }

    async fn get_flags(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        if self.is_undeclared(&fd) {
            return Ok(DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY);
        }
        let node = self.node(&fd)?;
        let write = if node.is_folder() { DescriptorFlags::MUTATE_DIRECTORY } else { DescriptorFlags::WRITE };
        let mut flags = DescriptorFlags::empty();
        if node.readable {
            flags |= DescriptorFlags::READ;
        }
        if node.writable {
            flags |= write;
        }
        Ok(flags)
    }

    async fn get_type(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorType> {
        let folder = self.is_undeclared(&fd) || self.node(&fd)?.is_folder();
        Ok(if folder { DescriptorType::Directory } else { DescriptorType::RegularFile })
    }

    async fn set_size(&mut self, fd: Resource<Descriptor>, size: Filesize) -> FsResult<()> {
        let node = self.writable_file(&fd)?;
        self.with(node, move |node| node.set_size(size)).await
    }

    async fn set_times(
        &mut self,
        fd: Resource<Descriptor>,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let node = self.node(&fd)?;
        if node.grant.is_none() {
            return Err(ErrorCode::NotPermitted.into());
        }
        let times = times(time(accessed)?, time(modified)?);
        self.with(node, move |node| Ok(to_flush(node)?.set_times(times)?)).await
    }

    async fn read(
        &mut self,
        fd: Resource<Descriptor>,
        size: Filesize,
        offset: Filesize,
    ) -> FsResult<(Vec<u8>, bool)> {
        let node = self.file(&fd)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(CHUNK);
        self.with(node, move |node| {
            let bytes = node.read(size, offset)?;
            let ended = bytes.is_empty();
            Ok((bytes, ended))
        })
        .await
    }

    async fn write(
        &mut self,
        fd: Resource<Descriptor>,
        bytes: Vec<u8>,
        offset: Filesize,
    ) -> FsResult<Filesize> {
        let node = self.writable_file(&fd)?;
        self.with(node, move |node| Ok(node.write(&bytes, offset)? as Filesize)).await
    }

    async fn read_directory(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DirectoryEntryStream>> {
        let folder = self.folder(&fd)?;
        let listing = Listing::open(folder, self.context()?).await?;
        self.push(listing)
    }

    async fn create_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let folder = self.writable_folder(&fd)?;
        let disk = self.context()?.disk().clone();
        self.with(folder, move |folder| paths::create_folder(folder, &path, &disk)).await
    }

    async fn stat(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        let node = self.node(&fd)?;
        self.with(node, |node| Ok(stat(&Metadata::from_file(node.as_file())?))).await
    }

    async fn stat_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        let folder = self.folder(&fd)?;
        self.with(folder, move |folder| Ok(stat(&fs::stat(folder.as_file(), path.as_ref(), follow(flags))?)))
            .await
    }

    async fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let folder = self.writable_folder(&fd)?;
        let times = (time(accessed)?, time(modified)?);
        let follow = flags.contains(PathFlags::SYMLINK_FOLLOW);
        self.with(folder, move |folder| paths::set_times(folder, &path, follow, times)).await
    }

    async fn link_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        new: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let (old, new) = (self.writable_folder(&fd)?, self.writable_folder(&new)?);
        if flags.contains(PathFlags::SYMLINK_FOLLOW) {
            return Err(ErrorCode::Invalid.into());
        }
        let disk = self.context()?.disk().clone();
        self.with(old, move |old| paths::hard_link((old, &path), (&new, &new_path), &disk)).await
    }

    async fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let folder = self.folder(&fd)?;
        let request = Request::new(path, path_flags, open, flags, folder.grant.is_some())?;
        let context = self.context()?;
        let descriptor = context.descriptors(1).await?;
        let opener = context.clone();
        let node = context.run(move || request.open(&folder, descriptor, &opener)).await?;
        self.push(node)
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        if self.is_undeclared(&fd) {
            self.table.delete(Resource::<UndeclaredFolder>::new_own(fd.rep()))?;
            return Ok(());
        }
        self.table.delete(Resource::<Node>::new_own(fd.rep()))?;
        Ok(())
    }

    async fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        let folder = self.folder(&fd)?;
        self.with(folder, move |folder| {
            let target = fs::read_link(folder.as_file(), path.as_ref())?;
            target.into_os_string().into_string().map_err(|_| ErrorCode::IllegalByteSequence)
        })
        .await
    }

    async fn remove_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let folder = self.writable_folder(&fd)?;
        let disk = self.context()?.disk().clone();
        self.with(folder, move |folder| paths::remove_folder(folder, &path, &disk)).await
    }

    async fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        path: String,
        new: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let (old, new) = (self.writable_folder(&fd)?, self.writable_folder(&new)?);
        let disk = self.context()?.disk().clone();
        self.with(old, move |old| paths::rename((old, &path), (&new, &new_path), &disk)).await
    }

    async fn symlink_at(&mut self, fd: Resource<Descriptor>, target: String, path: String) -> FsResult<()> {
        let folder = self.writable_folder(&fd)?;
        let disk = self.context()?.disk().clone();
        self.with(folder, move |folder| paths::symlink(&target, folder, &path, &disk)).await
    }

    async fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let folder = self.writable_folder(&fd)?;
        let disk = self.context()?.disk().clone();
        self.with(folder, move |folder| paths::remove_file(folder, &path, &disk)).await
    }

    fn read_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
        offset: Filesize,
    ) -> FsResult<Resource<DynInputStream>> {
        let node = self.node(&fd)?;
        if node.is_folder() {
            return Err(ErrorCode::IsDirectory.into());
        }
        let reader: DynInputStream = Box::new(Reader::new(node, self.context()?.clone(), offset));
        self.push(reader)
    }

    fn write_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
        offset: Filesize,
    ) -> FsResult<Resource<DynOutputStream>> {
        let node = self.writable_file(&fd)?;
        let writer: DynOutputStream = Box::new(Writer::new(node, self.context()?.clone(), Some(offset)));
        self.push(writer)
    }

    fn append_via_stream(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        let node = self.writable_file(&fd)?;
        let writer: DynOutputStream = Box::new(Writer::new(node, self.context()?.clone(), None));
        self.push(writer)
    }

    async fn is_same_object(
        &mut self,
        a: Resource<Descriptor>,
        b: Resource<Descriptor>,
    ) -> wasmtime::Result<bool> {
        let (Ok(a), Ok(b)) = (self.metadata_hash(a).await, self.metadata_hash(b).await) else {
            return Ok(false);
        };
        Ok((a.lower, a.upper) == (b.lower, b.upper))
    }

    async fn metadata_hash(&mut self, fd: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        let node = self.node(&fd)?;
        self.with(node, |node| hash(&Metadata::from_file(node.as_file())?)).await
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let folder = self.folder(&fd)?;
        self.with(folder, move |folder| hash(&fs::stat(folder.as_file(), path.as_ref(), follow(flags))?))
            .await
    }
}

impl HostDirectoryEntryStream for Files<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        let key = Resource::<Listing>::new_borrow(stream.rep());
        Ok(self.table.get_mut(&key)?.next().await?)
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Listing>::new_own(stream.rep()))?;
        Ok(())
    }
}
