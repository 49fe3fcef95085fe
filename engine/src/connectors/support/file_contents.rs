//! What a file holds that is appended to.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::files;

/// The contents of a file that is appended to.
#[derive(Default)]
pub(super) struct Contents {
    /// Its bytes, without compression.
    pub(super) size: u64,
    /// Its last byte, without compression.
    pub(super) last: Option<u8>,
}

impl Contents {
    /// The contents of the file, if it exists and is not a pipe or a device.
    pub(super) fn of(path: &Path, gzip: bool) -> io::Result<Self> {
        match files::known(path) {
            Ok(known) if known.is_file() && known.len() > 0 => {}
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => return Ok(Self::default()),
        }
        let mut file = files::open_file(path)?;
        if gzip {
            return Self::compressed(file);
        }
        let mut last = [0];
        let before = file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok(Self { size: before + 1, last: Some(last[0]) })
    }

    /// Reads all of it, since nothing after a damaged part could be read again.
    fn compressed(file: File) -> io::Result<Self> {
        let (mut reader, mut block) = (MultiGzDecoder::new(BufReader::new(file)), vec![0; 64 << 10]);
        let mut found = Self::default();
        loop {
            match reader.read(&mut block) {
                Ok(0) => return Ok(found),
                Ok(read) => {
                    found.size += read as u64;
                    found.last = Some(block[read - 1]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let message = format!("it is not gzip, or is damaged: {error}");
                    return Err(io::Error::new(ErrorKind::InvalidData, message));
                }
            }
        }
    }
}
