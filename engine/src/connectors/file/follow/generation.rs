//! One file that was at a path: what is read of it is checked against what was read before.

use std::fs::File;
use std::io::{self, IoSliceMut, Read, Seek, SeekFrom};
use std::path::Path;

use crate::connectors::file::compressed;
use crate::connectors::support::positions::{
    FINGERPRINT, FileId, FilePosition, Fingerprint, id_of, modified,
};
use crate::files;

/// An open file that is read from a position on.
pub(crate) struct Generation {
    contents: Contents,
    pub(super) id: Option<FileId>,
    /// How many of its bytes were read.
    pub(super) read: u64,
    /// The first of them.
    beginning: Vec<u8>,
    /// The last of them.
    before: Vec<u8>,
    /// When it was last changed, as of the last read.
    pub(super) modified: u64,
}

enum Contents {
    Plain(File),
    /// It was compressed when it was opened, and is not written any more.
    Compressed(Box<dyn Read + Send>),
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Bytes(usize),
    /// There is nothing more for now.
    End,
    /// What was read before is not there any more: the file was cut or written anew.
    Rewritten,
}

impl Generation {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::of(files::open_file(path)?)
    }

    /// A file that is read from its start.
    pub(crate) fn of(file: File) -> io::Result<Self> {
        let known = file.metadata()?;
        let first = bytes_at(&file, 0, compressed::FIRST)?;
        let contents = if compressed::is_compressed(&first) {
            let mut start = &file;
            start.rewind()?;
            Contents::Compressed(compressed::begin(file)?)
        } else {
            Contents::Plain(file)
        };
        let (beginning, before) = (Vec::new(), Vec::new());
        Ok(Self { contents, id: id_of(&known), read: 0, beginning, before, modified: modified(&known) })
    }

    /// A file that is read from a position on. None if it is another file than the one that was read up to there.
    pub(crate) fn resumed(file: File, position: &FilePosition) -> io::Result<Option<Self>> {
        if position.offset < position.read {
            // A compressed file that is read up to the offset does not tell what comes after it.
            let mut whole = Self::of(file.try_clone()?)?;
            if whole.is_compressed() {
                whole.go_to(position.read)?;
                if whole.read != position.read || !whole.begins_as(position) {
                    return Ok(None);
                }
            }
        }
        let mut generation = Self::of(file)?;
        if let Contents::Plain(file) = &generation.contents {
            let start = position.read.saturating_sub(position.before.bytes);
            let before = position.before.read_again(file, start)?;
            if before.is_none() || position.beginning.read_again(file, 0)?.is_none() {
                return Ok(None);
            }
        }
        generation.go_to(position.offset)?;
        Ok((generation.read == position.offset && generation.begins_as(position)).then_some(generation))
    }

    /// Whether the file begins as it did when the position was noted, as far as it was read.
    fn begins_as(&self, position: &FilePosition) -> bool {
        let bytes = usize::try_from(position.beginning.bytes).unwrap_or(usize::MAX);
        let known = self.beginning.get(..bytes);
        known.is_none_or(|known| Fingerprint::of(known) == position.beginning)
    }

    /// Continues at an offset.
    fn go_to(&mut self, offset: u64) -> io::Result<()> {
        match &mut self.contents {
            Contents::Plain(file) => {
                let size = usize::try_from(offset).unwrap_or(FINGERPRINT).min(FINGERPRINT);
                self.beginning = bytes_at(file, 0, size)?;
                self.before = bytes_at(file, offset - size as u64, size)?;
                self.read = offset;
            }
            Contents::Compressed(_) => {
                let mut block = vec![0; 64 << 10];
                while self.read < offset {
                    let rest = usize::try_from(offset - self.read).unwrap_or(usize::MAX).min(block.len());
                    if self.read_on(&mut block[..rest])? == Found::End {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Continues after the last separator, where the next record begins.
    pub(crate) fn go_to_end(&mut self, separator: u8) -> io::Result<()> {
        const BLOCK: u64 = 64 << 10;
        let Contents::Plain(file) = &self.contents else { return self.skip_all() };
        let mut end = file.metadata()?.len();
        while end > 0 {
            let start = end.saturating_sub(BLOCK);
            let block = bytes_at(file, start, usize::try_from(end - start).unwrap_or_default())?;
            if let Some(last) = memchr::memrchr(separator, &block) {
                return self.go_to(start + last as u64 + 1);
            }
            end = start;
        }
        Ok(())
    }

    /// The line that begins at an offset, with its end.
    pub(super) fn line_at(&self, offset: u64, longest: usize) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        if let Contents::Plain(file) = &self.contents {
            while line.len() < longest && !line.ends_with(b"\n") {
                let more = bytes_at(file, offset + line.len() as u64, 4 << 10)?;
                if more.is_empty() {
                    break;
                }
                let end = memchr::memchr(b'\n', &more).map_or(more.len(), |end| end + 1);
                line.extend_from_slice(&more[..end]);
            }
        }
        Ok(line)
    }

    pub(super) fn is_compressed(&self) -> bool {
        matches!(self.contents, Contents::Compressed(_))
    }

    /// Reads what comes next, and makes sure that it follows what was read before.
    pub(super) fn read_on(&mut self, buffer: &mut [u8]) -> io::Result<Found> {
        let count = match &mut self.contents {
            Contents::Compressed(reader) => reader.read(buffer)?,
            Contents::Plain(file) => {
                let Some(count) = read_after(file, self.read, &self.before, buffer)? else {
                    return Ok(Found::Rewritten);
                };
                if let (0, Some(error)) = (self.read, compressed::refused(&buffer[..count])) {
                    return Err(error);
                }
                // If it was written anew, these bytes are old ones, unless they stay.
                if bytes_at(file, 0, self.beginning.len())? != self.beginning {
                    let again = bytes_at(file, self.read, count)?;
                    if count == 0 || again == buffer[..count] {
                        return Ok(Found::Rewritten);
                    }
                }
                let modified = modified(&file.metadata()?);
                if count == 0 && self.read == 0 && modified != self.modified {
                    // It is empty again: what was in it may have been copied.
                    return Ok(Found::Rewritten);
                }
                self.modified = modified;
                count
            }
        };
        let bytes = &buffer[..count];
        let missing = FINGERPRINT.saturating_sub(self.beginning.len()).min(count);
        self.beginning.extend_from_slice(&bytes[..missing]);
        self.before.extend_from_slice(&bytes[count.saturating_sub(FINGERPRINT)..]);
        self.before.drain(..self.before.len().saturating_sub(FINGERPRINT));
        self.read += count as u64;
        Ok(if count == 0 { Found::End } else { Found::Bytes(count) })
    }

    /// Whether `copy`, which is read from its start, has the same bytes as this file has now.
    pub(super) fn is_same_as(&self, mut copy: Self) -> io::Result<bool> {
        let Contents::Plain(file) = &self.contents else { return Ok(false) };
        let mut block = vec![0; 64 << 10];
        while let Found::Bytes(count) = copy.read_on(&mut block)? {
            if bytes_at(file, copy.read - count as u64, count)? != block[..count] {
                return Ok(false);
            }
        }
        Ok(copy.read > 0 && copy.read == file.metadata()?.len())
    }

    /// Whether a file was copied from this one, or is being copied. Only its beginning and its end are compared.
    pub(super) fn has_copy(&self, copy: &File) -> io::Result<bool> {
        let Contents::Plain(file) = &self.contents else { return Ok(false) };
        let known = copy.metadata()?;
        // A file that stood at the path before this one was changed before it.
        if modified(&known) < self.modified {
            return Ok(false);
        }
        if compressed::is_compressed(&bytes_at(copy, 0, compressed::FIRST)?) {
            return self.has_compressed_copy(copy);
        }
        let length = known.len();
        let size = usize::try_from(length).unwrap_or(FINGERPRINT).min(FINGERPRINT);
        let is_same_at = |start| io::Result::Ok(bytes_at(file, start, size)? == bytes_at(copy, start, size)?);
        Ok(length <= file.metadata()?.len() && is_same_at(0)? && is_same_at(length - size as u64)?)
    }

    /// Whether a compressed file begins as this one. It can't be read if it has only a part of its first block.
    fn has_compressed_copy(&self, copy: &File) -> io::Result<bool> {
        let Contents::Plain(file) = &self.contents else { return Ok(false) };
        let mut copy = Self::of(copy.try_clone()?)?;
        let mut block = [0; FINGERPRINT];
        let count = match copy.read_on(&mut block)? {
            Found::Bytes(count) => count,
            _ => 0,
        };
        Ok(bytes_at(file, 0, count)? == block[..count])
    }

    /// Continues at the end, even if that is within a record.
    pub(crate) fn skip_all(&mut self) -> io::Result<()> {
        match &self.contents {
            Contents::Plain(file) => self.go_to(file.metadata()?.len()),
            Contents::Compressed(_) => self.go_to(u64::MAX),
        }
    }

    /// The same file from its start again.
    pub(super) fn again(self) -> io::Result<Option<Self>> {
        match self.contents {
            Contents::Plain(file) => Self::of(file).map(Some),
            Contents::Compressed(_) => Ok(None),
        }
    }

    /// What was read of it, in a file that was found at this path.
    pub(crate) fn position(&self, path: &Path) -> FilePosition {
        FilePosition {
            // A later run may be started in another folder.
            path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            id: self.id,
            beginning: Fingerprint::of(&self.beginning),
            before: Fingerprint::of(&self.before),
            read: self.read,
            modified: self.modified,
            offset: self.read,
            ..FilePosition::default()
        }
    }
}

/// Reads what follows the bytes `before` that end at `read`. None if other bytes stand there now.
///
/// A single read returns both: between two, the file may be written anew.
fn read_after(mut file: &File, read: u64, before: &[u8], buffer: &mut [u8]) -> io::Result<Option<usize>> {
    let mut overlap = [0; FINGERPRINT];
    let overlap = &mut overlap[..before.len()];
    file.seek(SeekFrom::Start(read - overlap.len() as u64))?;
    let mut count = file.read_vectored(&mut [IoSliceMut::new(overlap), IoSliceMut::new(buffer)])?;
    if cfg!(not(unix)) && count == overlap.len() {
        // Such a system fills one buffer at a time.
        count += file.read(buffer)?;
    }
    Ok(count.checked_sub(before.len()).filter(|_| *overlap == *before))
}

/// As many bytes of a file as it has there, up to `count`.
fn bytes_at(mut file: &File, start: u64, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(count as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
