//! Opens and reads files and pipes.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use super::kind;
use super::open_options::OpenOptions;
use super::system::{self, let_wait, wait_for_writer};

/// An open input: a file, a device or a pipe. The first read of a pipe waits for its writer.
#[derive(Debug)]
pub struct Input {
    file: File,
    waits: bool,
}

/// Opens what a path leads to for reading, unless it is a folder. Never blocks.
///
/// # Errors
///
/// If it can't be opened. In a folder that a function may write, links and everything but regular files are refused.
pub fn open(path: &Path) -> io::Result<Input> {
    let file = system::open(path, OpenOptions::READ)?;
    let known = kind::check_no_folder(&file)?;
    let waits = kind::is_pipe(&known);
    if !waits {
        let_wait(&file)?;
    }
    Ok(Input { file, waits })
}

/// Opens a regular file for reading.
///
/// # Errors
///
/// Those of [`open`], and if it is a pipe or a device.
pub fn open_file(path: &Path) -> io::Result<File> {
    let Input { file, .. } = open(path)?;
    kind::check_regular(&file.metadata()?)?;
    Ok(file)
}

/// The metadata of what a path leads to, without opening it.
///
/// # Errors
///
/// If it does not exist.
pub fn known(path: &Path) -> io::Result<Metadata> {
    system::known(path)
}

/// Checks that a path can be opened for reading. Only a regular file is opened: the writer of a pipe would begin to write,
/// and a device may notice.
///
/// # Errors
///
/// Those of [`open`].
pub fn check_readable(path: &Path) -> io::Result<()> {
    let known = known(path)?;
    match () {
        () if known.is_file() => open(path).map(drop),
        () if known.is_dir() => Err(kind::is_folder()),
        () => system::check_permission(path),
    }
}

/// A file, a device or a pipe that is opened when it is first read, so that a program with many inputs has few of them
/// open.
#[derive(Debug)]
pub struct LateInput {
    path: PathBuf,
    input: Option<Input>,
}

/// Checks that a path can be opened for reading, and opens it when it is first read.
///
/// # Errors
///
/// Those of [`open`].
pub fn open_when_read(path: &Path) -> io::Result<LateInput> {
    check_readable(path)?;
    Ok(LateInput { path: path.to_owned(), input: None })
}

impl Read for LateInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.input {
            Some(input) => input.read(buffer),
            None => self.input.insert(open(&self.path)?).read(buffer),
        }
    }
}

/// Reads a file, a device or a pipe.
///
/// # Errors
///
/// If it can't be read, or has more than `limit` bytes.
pub fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let input = open(path)?;
    let length = input.file.metadata()?.len();
    read_whole(input, length, limit)
}

/// Reads an open file.
pub(super) fn whole(file: &File, limit: u64) -> io::Result<Vec<u8>> {
    read_whole(file, file.metadata()?.len(), limit)
}

/// `length` is the size in the file's metadata.
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
    /// Its metadata.
    ///
    /// # Errors
    ///
    /// If the system can't read it.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Continues to read at the start of the file.
    ///
    /// # Errors
    ///
    /// If it is not a file.
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
