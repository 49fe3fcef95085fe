//! Tells regular files from folders, pipes and devices.

use std::fs::{File, Metadata};
use std::io;

/// The error for something that is not a regular file.
fn refused(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}, and must be a file"))
}

/// Checks that it is a regular file.
pub(super) fn check_regular(known: &Metadata) -> io::Result<()> {
    if known.is_file() { Ok(()) } else { Err(refused(name_of(known))) }
}

pub(super) fn is_folder() -> io::Error {
    io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")
}

/// Checks that it is not a folder.
pub(super) fn check_no_folder(file: &File) -> io::Result<Metadata> {
    let known = file.metadata()?;
    if known.is_dir() { Err(is_folder()) } else { Ok(known) }
}

#[cfg(unix)]
pub(super) fn is_pipe(known: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    known.file_type().is_fifo()
}

#[cfg(not(unix))]
pub(super) fn is_pipe(_: &Metadata) -> bool {
    false
}

#[cfg(unix)]
fn name_of(known: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = known.file_type();
    match () {
        () if kind.is_dir() => "a folder",
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () if kind.is_symlink() => "a link",
        () => "a device",
    }
}

#[cfg(not(unix))]
fn name_of(known: &Metadata) -> &'static str {
    if known.is_dir() { "a folder" } else { "a device" }
}
