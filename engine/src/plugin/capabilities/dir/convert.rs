//! Between the system's words for files and WASI's.

use std::fmt;
use std::fs::FileTimes;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime};

use cap_primitives::fs::{FileType, Metadata};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorStat, DescriptorType, ErrorCode, MetadataHashValue, NewTimestamp,
};

use crate::plugin::host::quota::Inode;

/// An error of a stream over a file, which a guest may ask the code of.
#[derive(Debug)]
pub(super) struct FileError(pub(super) ErrorCode);

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for FileError {}

/// What tells a file from all others of this machine.
#[cfg_attr(not(unix), expect(unused_variables, reason = "other systems don't say"))]
pub(super) fn inode(metadata: &std::fs::Metadata) -> Option<Inode> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    None
}

/// The same, of what was found by its path.
#[cfg_attr(not(unix), expect(unused_variables, reason = "other systems don't say"))]
pub(super) fn inode_at(metadata: &Metadata) -> Option<Inode> {
    #[cfg(unix)]
    {
        use cap_primitives::fs::MetadataExt;
        Some((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    None
}

pub(super) fn hash(metadata: &Metadata) -> Result<MetadataHashValue, ErrorCode> {
    let inode = inode_at(metadata).ok_or(ErrorCode::Unsupported)?;
    let mut hasher = DefaultHasher::new();
    inode.hash(&mut hasher);
    let lower = hasher.finish();
    // As wasmtime-wasi does it: there are 64 bits to know.
    Ok(MetadataHashValue { lower, upper: lower ^ 0x4009_21fb_5444_2d18 })
}

pub(super) fn stat(metadata: &Metadata) -> DescriptorStat {
    DescriptorStat {
        type_: kind(metadata.file_type()),
        link_count: links(metadata),
        size: metadata.len(),
        data_access_timestamp: metadata.accessed().ok().and_then(|time| datetime(time.into_std())),
        data_modification_timestamp: metadata.modified().ok().and_then(|time| datetime(time.into_std())),
        status_change_timestamp: metadata.created().ok().and_then(|time| datetime(time.into_std())),
    }
}

#[cfg_attr(not(unix), expect(unused_variables, reason = "other systems don't say"))]
fn links(metadata: &Metadata) -> u64 {
    #[cfg(unix)]
    {
        cap_primitives::fs::MetadataExt::nlink(metadata)
    }
    #[cfg(not(unix))]
    1
}

pub(super) fn kind(found: FileType) -> DescriptorType {
    if found.is_dir() {
        return DescriptorType::Directory;
    }
    if found.is_symlink() {
        return DescriptorType::SymbolicLink;
    }
    if found.is_file() {
        return DescriptorType::RegularFile;
    }
    #[cfg(unix)]
    {
        use cap_primitives::fs::FileTypeExt;
        if found.is_block_device() {
            return DescriptorType::BlockDevice;
        }
        if found.is_char_device() {
            return DescriptorType::CharacterDevice;
        }
        if found.is_fifo() {
            return DescriptorType::Fifo;
        }
        if found.is_socket() {
            return DescriptorType::Socket;
        }
    }
    DescriptorType::Unknown
}

/// Times before 1970 are left out.
fn datetime(time: SystemTime) -> Option<Datetime> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Datetime { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() })
}

/// The time that a file is to have; none leaves it as it is.
pub(super) fn time(wanted: NewTimestamp) -> Result<Option<SystemTime>, ErrorCode> {
    match wanted {
        NewTimestamp::NoChange => Ok(None),
        NewTimestamp::Now => Ok(Some(SystemTime::now())),
        NewTimestamp::Timestamp(Datetime { seconds, nanoseconds }) => {
            let since = Duration::from_secs(seconds).checked_add(Duration::from_nanos(nanoseconds.into()));
            let time = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
            time.map(Some).ok_or(ErrorCode::Overflow)
        }
    }
}

pub(super) fn times(accessed: Option<SystemTime>, modified: Option<SystemTime>) -> FileTimes {
    let mut times = FileTimes::new();
    if let Some(accessed) = accessed {
        times = times.set_accessed(accessed);
    }
    if let Some(modified) = modified {
        times = times.set_modified(modified);
    }
    times
}
