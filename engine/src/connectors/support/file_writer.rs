//! Writes a file, and begins new ones when it is full or old.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::time::Instant;

use super::file_contents::Contents;
use super::unwritten::Unwritten;
use crate::Error;
use crate::error::{FileError, GraphError};
use crate::files::{self, Mode, Placement};
use crate::progress::OutputState;

/// When a new file is begun, and how many older ones are kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rotation {
    pub(crate) size: Option<u64>,
    pub(crate) after: Option<Duration>,
    pub(crate) keep: usize,
}

/// The most bytes that are held back, if no larger portion comes.
const ROOM: usize = 128 << 10;

/// Writes a file, which is opened when the first bytes come. If the file is removed, renamed or replaced meanwhile, it is
/// made again at its path before the next bytes are written.
pub(crate) struct FileWriter {
    pub(crate) path: PathBuf,
    pub(crate) append: bool,
    pub(crate) gzip: bool,
    /// The byte that ends a record.
    pub(crate) separator: u8,
    /// What a file begins with that is made again.
    pub(crate) head: Vec<u8>,
    pub(crate) rotation: Rotation,
    /// It goes on after what it has written itself, in this run or before.
    continues: bool,
    opened: Option<Opened>,
    unwritten: Unwritten,
}

struct Opened {
    writer: Writer,
    placement: Placement,
    /// What was not handed to the writer yet: whole records.
    waiting: Vec<u8>,
    since: Instant,
    /// The file's bytes, before compression, with those that wait.
    size: u64,
    /// Those that were there before.
    before: u64,
}

impl Opened {
    /// Up to which of its bytes all have surely left the buffers.
    fn written(&self) -> u64 {
        match self.writer {
            Writer::Plain(_) => self.size - self.waiting.len() as u64,
            // It is not known before a flush.
            Writer::Gzip(_) => self.before,
        }
    }

    /// Hands over what waits. What can't be written goes on waiting.
    fn hand_over(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            match self.writer.get().write(&self.waiting) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(bytes) => drop(self.waiting.drain(..bytes)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

enum Writer {
    Plain(File),
    Gzip(GzEncoder<BufWriter<File>>),
}

impl Writer {
    fn get(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(file) => file,
            Self::Gzip(writer) => writer,
        }
    }

    fn end(self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
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
            head: Vec::new(),
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
            if opened.waiting.len() + bytes.len() > ROOM {
                file.hand_over()?;
            }
            let opened = file.opened()?;
            if bytes.len() > ROOM {
                opened.writer.get().write_all(bytes)?;
            } else {
                opened.waiting.extend_from_slice(bytes);
            }
            opened.size += bytes.len() as u64;
            Ok(is_full)
        })
    }

    /// Hands everything that was written to the system.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.attempt(|file| {
            if file.opened.as_ref().is_some_and(|opened| !opened.waiting.is_empty()) {
                file.hand_over()?;
            }
            let Some(opened) = &mut file.opened else { return Ok(()) };
            opened.writer.get().flush()?;
            file.unwritten = Unwritten::default();
            Ok(())
        })
    }

    pub(crate) fn end(&mut self) -> Result<(), Error> {
        self.attempt(|file| {
            file.hand_over()?;
            if file.opened.is_none() && file.continues && files::known(&file.path).is_ok() {
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
            file.hand_over()?;
            file.unwritten = Unwritten::default();
            if file.gzip {
                // What follows is compressed apart: a file may be cut between the two.
                file.finish()?;
                file.continues = true;
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
        let found = if append && !self.continues {
            Contents::of(&self.path, self.gzip)?
        } else {
            Contents::default()
        };
        let mode = if append { Mode::Append } else { Mode::Empty };
        let file = files::create(&self.path, mode, &|| false)?;
        let placement = Placement::new(&self.path, &file);
        let writer = if self.gzip {
            Writer::Gzip(GzEncoder::new(BufWriter::with_capacity(ROOM, file), Compression::default()))
        } else {
            Writer::Plain(file)
        };
        let (since, size, waiting) = (Instant::now(), found.size, Vec::with_capacity(ROOM));
        let mut opened = Opened { writer, placement, waiting, since, size, before: size };
        if found.last.is_some_and(|last| last != self.separator) {
            // Its last record gets its end.
            opened.waiting.push(self.separator);
            opened.size += 1;
        }
        Ok(opened)
    }

    /// Hands over what waits: to the file at the path, whatever became of the one that was opened there.
    fn hand_over(&mut self) -> io::Result<()> {
        if self.opened.as_ref().is_some_and(|opened| opened.placement.is_lost()) {
            self.make_again()?;
        }
        self.opened.as_mut().map_or(Ok(()), Opened::hand_over)
    }

    /// Goes on in the file at the path, which is made if there is none. What waits is kept, whatever fails.
    fn make_again(&mut self) -> io::Result<()> {
        let continued = std::mem::replace(&mut self.continues, false);
        let new = self.open(true).inspect_err(|_| self.continues = continued);
        let mut new = new?;
        self.append = true;
        let Some(Opened { writer, waiting, size, .. }) = self.opened.take() else { return Ok(()) };
        let has_begun = continued || size > waiting.len() as u64;
        let head: &[u8] = if new.size == 0 && has_begun { &self.head } else { &[] };
        new.size += (head.len() + waiting.len()) as u64;
        new.waiting.extend_from_slice(head);
        new.waiting.extend(waiting);
        self.unwritten.move_to(size, new.size);
        self.opened = Some(new);
        writer.end()
    }

    fn is_full(&self, more: usize) -> bool {
        let Some(opened) = self.opened.as_ref().filter(|opened| opened.size > 0) else { return false };
        let Rotation { size, after, .. } = self.rotation;
        size.is_some_and(|size| opened.size + more as u64 > size)
            || after.is_some_and(|after| opened.since.elapsed() >= after)
    }

    /// Writes what is buffered, and closes the file.
    fn finish(&mut self) -> io::Result<()> {
        self.hand_over()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_file_that_is_removed_before_anything_is_written_gets_its_head() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        std::fs::write(&path, "a\n1\n").unwrap();
        let mut file = FileWriter::new(path.clone());
        file.resume(&OutputState { path: path.clone(), length: 4, ..OutputState::default() }).unwrap();
        file.head = b"a\n".to_vec();
        file.write(b"2\n").unwrap();
        std::fs::remove_file(&path).unwrap();
        file.end().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\n2\n");
    }

    #[test]
    fn records_that_wait_count_as_unwritten_in_another_file_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut file = FileWriter::new(path.clone());
        file.write(b"1\n").unwrap();
        file.taken(1);
        file.flush().unwrap();
        file.write(b"2\n3\n").unwrap();
        file.taken(2);
        std::fs::write(folder.path().join("other"), "a long line of another file\n").unwrap();
        std::fs::rename(folder.path().join("other"), &path).unwrap();
        assert_eq!(file.unwritten(), 2);
        file.make_again().unwrap();
        assert_eq!(file.unwritten(), 2);
        file.end().unwrap();
        assert_eq!(file.unwritten(), 0);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a long line of another file\n2\n3\n");
    }

    #[test]
    fn rows_wait_until_the_file_can_be_made_again() {
        for gzip in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("out");
            let mut file = FileWriter { gzip, head: b"a\n".to_vec(), ..FileWriter::new(path.clone()) };
            file.write(b"a\n1\n").unwrap();
            file.flush().unwrap();
            file.write(b"2\n").unwrap();
            std::fs::rename(&path, folder.path().join("moved")).unwrap();
            std::fs::create_dir(&path).unwrap();
            for _ in 0..2 {
                assert!(file.end().is_err());
            }
            std::fs::remove_dir(&path).unwrap();
            file.end().unwrap();
            let known = std::fs::File::open(&path).unwrap();
            let text = if gzip {
                io::read_to_string(flate2::read::MultiGzDecoder::new(known))
            } else {
                io::read_to_string(known)
            };
            assert_eq!(text.unwrap(), "a\n2\n");
        }
    }
}
