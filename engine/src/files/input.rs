//! Files and pipes that are read.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::path::Path;

use super::kind;
use super::system::{self, How, let_wait, wait_for_writer};

/// An open input: a file, a device or a pipe. The first read of a pipe waits for its writer.
#[derive(Debug)]
pub struct Input {
    file: File,
    waits: bool,
}

/// Opens what a path leads to, unless that is a folder. Never waits.
///
/// # Errors
///
/// If it can't be opened. In a folder that a function may write, a link is refused, and so is all but a regular file.
pub fn open(path: &Path) -> io::Result<Input> {
    let file = system::open(path, How::READ)?;
    let known = kind::check_no_folder(&file)?;
    let waits = kind::is_pipe(&known);
    if !waits {
        let_wait(&file)?;
    }
    Ok(Input { file, waits })
}

/// Opens a regular file.
///
/// # Errors
///
/// As [`open`], and if it is a pipe or a device.
pub fn open_file(path: &Path) -> io::Result<File> {
    let Input { file, .. } = open(path)?;
    kind::check_regular(&file.metadata()?)?;
    Ok(file)
}

/// What is known of what a path leads to, without opening it.
///
/// # Errors
///
/// If it is not there.
pub fn known(path: &Path) -> io::Result<Metadata> {
    system::known(path)
}

/// Looks whether what a path leads to could be read. A pipe is not opened: its writer would take that for a reader.
///
/// # Errors
///
/// As [`open`].
pub fn check_readable(path: &Path) -> io::Result<()> {
    if kind::is_pipe(&known(path)?) { Ok(()) } else { open(path).map(drop) }
}

/// The bytes of a file, a device or a pipe.
///
/// # Errors
///
/// If it can't be read, or has more than `limit` bytes.
pub fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let input = open(path)?;
    let length = input.file.metadata()?.len();
    read_whole(input, length, limit)
}

/// The bytes of a file that is open.
pub(super) fn whole(file: &File, limit: u64) -> io::Result<Vec<u8>> {
    read_whole(file, file.metadata()?.len(), limit)
}

/// `length` is what a file says that it has.
fn read_whole(input: impl Read, length: u64, limit: u64) -> io::Result<Vec<u8>> {
    check_length(length, limit)?;
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    input.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    check_length(bytes.len() as u64, limit)?;
    Ok(bytes)
}

fn check_length(length: u64, limit: u64) -> io::Result<()> {
    if length > limit {
        let message = format!("it has more than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(())
}

impl Input {
    /// What is known of it.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Reads it from its start again, if it is a file.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn rewind(&mut self) -> io::Result<()> {
        self.file.rewind()
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.waits) {
            wait_for_writer(&self.file)?;
            let_wait(&self.file)?;
        }
        self.file.read(buffer)
    }
}
