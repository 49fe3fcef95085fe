//! Writes dead letters to their file, several at once, and counts those that are there.

use std::io::{self, ErrorKind, Write};

/// The most bytes of letters that are not in the file yet, in bytes; a longer letter is written at once.
const ROOM: usize = 64 << 10;

/// The file, and letters that are not in it yet.
pub(super) struct LetterFile<F> {
    file: F,
    /// Whole lines, of which the first may be there in part.
    waiting: Vec<u8>,
    /// In bytes.
    put: u64,
    /// How many letters are in the file as a whole.
    letters: u64,
}

impl<F: Write> LetterFile<F> {
    pub(super) fn new(file: F) -> Self {
        Self { file, waiting: Vec::new(), put: 0, letters: 0 }
    }

    /// Adds a letter, which `encode` appends as a line without its newline.
    pub(super) fn put(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let before = self.waiting.len();
        encode(&mut self.waiting);
        self.waiting.push(b'\n');
        self.put += (self.waiting.len() - before) as u64;
        if self.waiting.len() < ROOM { Ok(()) } else { self.flush() }
    }

    /// Writes what waits. What can't be written goes on waiting.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let mut done = 0;
        let written = loop {
            if done == self.waiting.len() {
                break Ok(());
            }
            match self.file.write(&self.waiting[done..]) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(bytes) => done += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.letters += memchr::memchr_iter(b'\n', &self.waiting[..done]).count() as u64;
        self.waiting.drain(..done);
        // One long record is no reason to keep its room.
        self.waiting.shrink_to(ROOM);
        written
    }

    pub(super) fn get(&self) -> &F {
        &self.file
    }

    pub(super) fn get_mut(&mut self) -> &mut F {
        &mut self.file
    }

    /// How many bytes were put.
    pub(super) fn put_bytes(&self) -> u64 {
        self.put
    }

    /// How many letters are in the file.
    pub(super) fn letters(&self) -> u64 {
        self.letters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with room for so many bytes.
    struct Disk {
        room: usize,
        written: Vec<u8>,
    }

    impl Write for &mut Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = bytes.len().min(self.room);
            if fits == 0 && !bytes.is_empty() {
                return Err(ErrorKind::StorageFull.into());
            }
            self.room -= fits;
            self.written.extend_from_slice(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn letters_count_once_they_are_in_the_file_as_a_whole() {
        let mut disk = Disk { room: 5, written: Vec::new() };
        let mut file = LetterFile::new(&mut disk);
        for letter in ["one", "two", "three"] {
            file.put(|line| line.extend_from_slice(letter.as_bytes())).unwrap();
        }
        assert_eq!((file.letters(), file.put_bytes()), (0, 14));
        assert_eq!(file.flush().unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(file.letters(), 1);
        // There is room again: the rest goes on where the disk was full.
        file.file.room = 100;
        file.flush().unwrap();
        assert_eq!(file.letters(), 3);
        assert_eq!(disk.written, b"one\ntwo\nthree\n");
    }

    #[test]
    fn many_letters_are_written_before_they_take_too_much_room() {
        let mut disk = Disk { room: usize::MAX, written: Vec::new() };
        let mut file = LetterFile::new(&mut disk);
        for _ in 0..3 {
            file.put(|line| line.resize(line.len() + ROOM / 2, b'x')).unwrap();
        }
        assert_eq!(file.letters(), 2);
        assert!(file.waiting.capacity() <= 2 * ROOM);
    }
}
