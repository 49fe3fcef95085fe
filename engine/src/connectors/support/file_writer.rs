//! A file that is written to, and that others take the place of.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use tokio::time::Instant;

use crate::Error;
use crate::error::FileError;
use crate::files::{self, Mode};

/// When another file takes a file's place, and what becomes of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rotation {
    pub(crate) size: Option<u64>,
    pub(crate) after: Option<Duration>,
    pub(crate) keep: usize,
}

/// A file, opened with the first bytes.
pub(crate) struct FileWriter {
    pub(crate) path: PathBuf,
    pub(crate) append: bool,
    pub(crate) gzip: bool,
    /// What ends a record.
    pub(crate) separator: u8,
    pub(crate) rotation: Rotation,
    opened: Option<Opened>,
}

struct Opened {
    writer: Writer,
    since: Instant,
    /// Bytes that it has, before they are compressed.
    size: u64,
}

/// What a file has that is written on.
#[derive(Default)]
struct Found {
    /// Bytes, before they were compressed.
    size: u64,
    last: Option<u8>,
}

impl Found {
    /// Reads all of it, since what comes after a part that is not whole could not be read again.
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
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let message = format!("what it has is no gzip that could be written on: {error}");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
            }
        }
    }
}

enum Writer {
    Plain(BufWriter<File>),
    Gzip(GzEncoder<BufWriter<File>>),
}

impl Writer {
    fn get(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(writer) => writer,
            Self::Gzip(writer) => writer,
        }
    }

    fn end(self) -> io::Result<()> {
        match self {
            Self::Plain(mut writer) => writer.flush(),
            Self::Gzip(writer) => writer.finish()?.flush(),
        }
    }
}

impl FileWriter {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            append: false,
            gzip: false,
            separator: b'\n',
            rotation: Rotation::default(),
            opened: None,
        }
    }

    pub(crate) fn rotates(&self) -> bool {
        self.rotation.size.is_some() || self.rotation.after.is_some()
    }

    /// Writes bytes that are not to be torn apart. Before them, another file takes the place of one that is old or
    /// would become too large.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.attempt(|file| {
            if file.is_full(bytes.len()) {
                file.rotate()?;
            }
            let opened = file.opened()?;
            opened.size += bytes.len() as u64;
            opened.writer.get().write_all(bytes)
        })
    }

    /// Passes on what was written.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.attempt(|file| file.opened.as_mut().map_or(Ok(()), |opened| opened.writer.get().flush()))
    }

    pub(crate) fn end(&mut self) -> Result<(), Error> {
        self.attempt(|file| {
            file.opened()?;
            file.opened.take().map_or(Ok(()), |opened| opened.writer.end())
        })
    }

    fn attempt<O>(&mut self, act: impl FnOnce(&mut Self) -> io::Result<O>) -> Result<O, Error> {
        let path = self.path.clone();
        act(self).map_err(|error| Error::File(FileError::Write { path, source: Arc::new(error) }))
    }

    fn opened(&mut self) -> io::Result<&mut Opened> {
        let opened = match self.opened.take() {
            Some(opened) => opened,
            None => self.open(self.append)?,
        };
        Ok(self.opened.insert(opened))
    }

    fn open(&self, append: bool) -> io::Result<Opened> {
        let found = if append { self.look()? } else { Found::default() };
        let mode = if append { Mode::Append } else { Mode::Empty };
        let file = BufWriter::with_capacity(128 << 10, files::create(&self.path, mode, &|| false)?);
        let writer = if self.gzip {
            Writer::Gzip(GzEncoder::new(file, Compression::default()))
        } else {
            Writer::Plain(file)
        };
        let mut opened = Opened { writer, since: Instant::now(), size: found.size };
        if found.last.is_some_and(|last| last != self.separator) {
            // Its last record ends there.
            opened.writer.get().write_all(&[self.separator])?;
            opened.size += 1;
        }
        Ok(opened)
    }

    /// What the file has, if it is there and not a pipe or a device.
    fn look(&self) -> io::Result<Found> {
        match files::known(&self.path) {
            Ok(known) if known.is_file() && known.len() > 0 => {}
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => return Ok(Found::default()),
        }
        let mut file = files::open_file(&self.path)?;
        if self.gzip {
            return Found::compressed(file);
        }
        let mut last = [0];
        let before = file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok(Found { size: before + 1, last: Some(last[0]) })
    }

    fn is_full(&self, more: usize) -> bool {
        let Some(opened) = self.opened.as_ref().filter(|opened| opened.size > 0) else { return false };
        let Rotation { size, after, .. } = self.rotation;
        size.is_some_and(|size| opened.size + more as u64 > size)
            || after.is_some_and(|after| opened.since.elapsed() >= after)
    }

    /// Gives each file the name of the next older one, and begins anew.
    fn rotate(&mut self) -> io::Result<()> {
        if let Some(opened) = self.opened.take() {
            opened.writer.end()?;
        }
        files::rotate(&self.path, self.rotation.keep)?;
        self.opened = Some(self.open(false)?);
        Ok(())
    }
}
