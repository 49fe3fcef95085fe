//! This process's stdin and stdout.

use std::io::{self, Read, Write};

use super::system;

/// Reads this process's stdin.
///
/// It differs from the standard library's: nothing is buffered; it waits if another process has made the stream
/// non-blocking; and if the stream can't be read, that is an error and not the end of the input.
#[derive(Debug)]
pub struct StandardInput;

/// This process's stdin, to be read.
///
/// # Errors
///
/// If it is open only for writing.
pub fn stdin() -> io::Result<StandardInput> {
    system::check_stdin()?;
    Ok(StandardInput)
}

impl Read for StandardInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match system::read_stdin(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => system::wait_for_stdin()?,
                read => return read,
            }
        }
    }
}

/// Writes to this process's stdout.
///
/// It differs from the standard library's: nothing is buffered; it waits if another process has made the stream
/// non-blocking; and if the stream can't be written, that is an error.
#[derive(Debug)]
pub struct StandardOutput;

/// Checks that this process's stdout can be written.
///
/// # Errors
///
/// If it is open only for reading.
pub fn check_stdout() -> io::Result<()> {
    system::check_stdout()
}

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match system::write_stdout(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => system::wait_for_stdout()?,
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
