//! Writes a file, and begins new ones when it is full or old.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use tokio::time::Instant;

use super::unwritten::Unwritten;
use crate::Error;
use crate::error::{FileError, GraphError};
use crate::files::{self, Mode};
use crate::progress::OutputState;

/// When a new file is begun, and how many older ones are kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rotation {
    pub(crate) size: Option<u64>,
    pub(crate) after: Option<Duration>,
    pub(crate) keep: usize,
}

/// Writes a file, which is opened when the first bytes come.
pub(crate) struct FileWriter {
    pub(crate) path: PathBuf,
    pub(crate) append: bool,
    pub(crate) gzip: bool,
    /// The byte that ends a record.
    pub(crate) separator: u8,
    pub(crate) rotation: Rotation,
    /// It goes on after what it has written itself, in this run or before.
    continues: bool,
    opened: Option<Opened>,
    unwritten: Unwritten,
}

struct Opened {
    writer: Writer,
    since: Instant,
    /// The file's bytes, before compression.
    size: u64,
    /// Those that were there before.
    before: u64,
}

/// The contents of a file that is appended to.
#[derive(Default)]
struct Contents {
    /// Its bytes, without compression.
    size: u64,
    /// Its last byte, without compression.
    last: Option<u8>,
}

impl Contents {
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
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let message = format!("it is not gzip, or is damaged: {error}");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
            }
        }
    }
}

impl Opened {
    /// Up to which of its bytes all have surely left the buffer.
    fn written(&self) -> u64 {
        self.writer.buffered().map_or(self.before, |buffered| self.size - buffered)
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

    /// The bytes that have not left the buffer. None if that is not known before a flush.
    fn buffered(&self) -> Option<u64> {
        match self {
            Self::Plain(writer) => Some(writer.buffer().len() as u64),
            Self::Gzip(_) => None,
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
            continues: false,
            opened: None,
            unwritten: Unwritten::default(),
        }
    }

    /// Notes how many records the last bytes belong to.
    pub(crate) fn taken(&mut self, records: usize) {
        let Some(opened) = &self.opened else { return };
        self.unwritten.add(opened.size, records, opened.written());
    }

    /// How many records are not in the file yet, or not surely.
    pub(crate) fn unwritten(&mut self) -> usize {
        if let Some(opened) = &self.opened {
            self.unwritten.settle(opened.written());
        }
        self.unwritten.records()
    }

    pub(crate) fn rotates(&self) -> bool {
        self.rotation.size.is_some() || self.rotation.after.is_some()
    }

    /// Writes bytes to one file. Begins a new file first if the current one is old or would become too large, and
    /// returns whether it did.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        self.attempt(|file| {
            let is_full = file.is_full(bytes.len());
            if is_full {
                file.rotate()?;
            }
            let opened = file.opened()?;
            opened.writer.get().write_all(bytes)?;
            opened.size += bytes.len() as u64;
            Ok(is_full)
        })
    }

    /// Hands everything that was written to the system.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.attempt(|file| {
            let Some(opened) = &mut file.opened else { return Ok(()) };
            opened.writer.get().flush()?;
            file.unwritten = Unwritten::default();
            Ok(())
        })
    }

    pub(crate) fn end(&mut self) -> Result<(), Error> {
        self.attempt(|file| {
            if file.opened.is_none() && file.continues {
                return Ok(());
            }
            file.opened()?;
            file.finish()
        })
    }

    /// The file, and how much of it is written: all that it was given. None if it is not a file that can be cut back.
    pub(crate) fn note(&mut self) -> Result<Option<OutputState>, Error> {
        if self.rotates() {
            let reason = format!("{} is rotated, so it can't be cut back", crate::text::path(&self.path));
            return Err(Error::Graph(GraphError::Unsaved { node: "files".to_owned(), reason }));
        }
        self.attempt(|file| {
            file.opened()?;
            if file.gzip {
                // What follows is compressed apart: a file may be cut between the two.
                file.finish()?;
                file.continues = true;
            } else if let Some(opened) = &mut file.opened {
                opened.writer.get().flush()?;
                file.unwritten = Unwritten::default();
            }
            let known = files::known(&file.path)?;
            let (path, length) = (file.path.clone(), known.len());
            Ok(known.is_file().then(|| OutputState { path, length, ..OutputState::default() }))
        })
    }

    /// Goes on with a file as it was noted: what was written later is cut off.
    pub(crate) fn resume(&mut self, output: &OutputState) -> Result<(), Error> {
        let resumed = if output.path == self.path {
            output.blocking_cut_back()
        } else {
            let (known, now) = (crate::text::path(&output.path), crate::text::path(&self.path));
            Err(format!("that run wrote {known}, not {now}"))
        };
        resumed
            .map_err(|reason| Error::Graph(GraphError::NotRestored { node: "files".to_owned(), reason }))?;
        self.continues = true;
        Ok(())
    }

    fn attempt<O>(&mut self, act: impl FnOnce(&mut Self) -> io::Result<O>) -> Result<O, Error> {
        let path = self.path.clone();
        act(self).map_err(|error| Error::File(FileError::Write { path, source: Arc::new(error) }))
    }

    fn opened(&mut self) -> io::Result<&mut Opened> {
        let opened = match self.opened.take() {
            Some(opened) => opened,
            None => self.open(self.append || self.continues)?,
        };
        Ok(self.opened.insert(opened))
    }

    fn open(&self, append: bool) -> io::Result<Opened> {
        let found = if append && !self.continues { self.contents()? } else { Contents::default() };
        let mode = if append { Mode::Append } else { Mode::Empty };
        let file = BufWriter::with_capacity(128 << 10, files::create(&self.path, mode, &|| false)?);
        let writer = if self.gzip {
            Writer::Gzip(GzEncoder::new(file, Compression::default()))
        } else {
            Writer::Plain(file)
        };
        let mut opened = Opened { writer, since: Instant::now(), size: found.size, before: found.size };
        if found.last.is_some_and(|last| last != self.separator) {
            // Its last record gets its end.
            opened.writer.get().write_all(&[self.separator])?;
            opened.size += 1;
        }
        Ok(opened)
    }

    /// The contents of the file, if it exists and is not a pipe or a device.
    fn contents(&self) -> io::Result<Contents> {
        match files::known(&self.path) {
            Ok(known) if known.is_file() && known.len() > 0 => {}
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => return Ok(Contents::default()),
        }
        let mut file = files::open_file(&self.path)?;
        if self.gzip {
            return Contents::compressed(file);
        }
        let mut last = [0];
        let before = file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok(Contents { size: before + 1, last: Some(last[0]) })
    }

    fn is_full(&self, more: usize) -> bool {
        let Some(opened) = self.opened.as_ref().filter(|opened| opened.size > 0) else { return false };
        let Rotation { size, after, .. } = self.rotation;
        size.is_some_and(|size| opened.size + more as u64 > size)
            || after.is_some_and(|after| opened.since.elapsed() >= after)
    }

    /// Writes what is buffered, and closes the file.
    fn finish(&mut self) -> io::Result<()> {
        let Some(opened) = self.opened.take() else { return Ok(()) };
        self.unwritten.settle(opened.written());
        opened.writer.end()?;
        self.unwritten = Unwritten::default();
        Ok(())
    }

    /// Renames each file to the next older name, and begins a new one.
    fn rotate(&mut self) -> io::Result<()> {
        self.finish()?;
        files::rotate(&self.path, self.rotation.keep)?;
        self.opened = Some(self.open(false)?);
        Ok(())
    }
}
