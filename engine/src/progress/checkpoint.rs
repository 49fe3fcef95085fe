//! Checkpoints: the progress of a run as a file, from which a later run continues.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::FileError;
use crate::function::State;
use crate::text::json_reason;
use crate::versions::CHECKPOINT;
use crate::{Error, files};

/// The longest file, in bytes.
const LONGEST: u64 = 4 << 30;

/// The end of an output that is compared when a run continues, in bytes.
const TAIL: u64 = 64 << 10;

/// The progress of a run: all records up to one are done, and none of the later ones has left a trace.
///
/// Fields may be added: make one with `Checkpoint { …, ..Checkpoint::default() }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a checkpoint")]
pub struct Checkpoint {
    /// The version of the file's layout; [`blocking_save`](Self::blocking_save) sets it.
    pub version: u32,
    /// The number of the last record that is done.
    pub record: u64,
    /// How many of the records up to this one were faults.
    pub faults: u64,
    /// How many of them were written as dead letters.
    pub put_aside: u64,
    /// The number of the record after which reading begins: the same as `record`, or an earlier one after which the
    /// states of functions are known. The outputs of the records between both are there already.
    pub read: u64,
    /// The states of the functions that accumulate, after the record `read`.
    pub states: Vec<Option<State>>,
    /// The index of the input to read from.
    pub input: usize,
    /// The byte of it to read from.
    pub offset: u64,
    /// How many records after that byte are skipped.
    pub skip: u64,
    /// What is run: functions and arguments, as text that is compared word by word.
    pub pipeline: Vec<String>,
    /// The hash of each plugin's file.
    pub plugins: Vec<String>,
    /// The inputs, as they were.
    pub inputs: Vec<InputState>,
    /// The output, and how much of it counts.
    pub output: OutputState,
    /// The file of dead letters, if there is one.
    pub letters: Option<OutputState>,
    /// How many bytes of that file belong to earlier runs.
    pub letters_from: u64,
}

/// An input file, to notice if it is another one later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct InputState {
    /// Its name.
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    /// When it was last changed, in nanoseconds since 1970.
    pub modified: u64,
    /// The number of its first record, once it was begun.
    pub first: Option<u64>,
}

/// An output file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OutputState {
    /// Its name.
    pub path: PathBuf,
    /// How many bytes of it belong to the checkpoint. The rest was written later.
    pub length: u64,
    /// The BLAKE3 hash of the last 64 KiB of these, in hexadecimal digits.
    pub tail: String,
}

impl OutputState {
    /// The same with the hash of the file as it is now.
    ///
    /// # Errors
    ///
    /// If the file can't be read up to `length`.
    pub fn with_tail(self) -> Result<Self, Error> {
        let tail = self.read_tail();
        let tail = tail.map_err(|error| {
            Error::File(FileError::Read { path: self.path.clone(), source: Arc::new(error) })
        })?;
        Ok(Self { tail, ..self })
    }

    /// Returns when what was written to the file is on the disk, with the hash of its end. A file that was removed meanwhile
    /// counts as empty: if it is made again, all that is in it is later.
    pub(super) fn blocking_kept(self) -> Result<Self, Error> {
        match self.blocking_sync().and_then(|()| self.clone().with_tail()) {
            Err(Error::File(FileError::Read { source, .. } | FileError::Write { source, .. }))
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Ok(Self { length: 0, tail: String::new(), ..self })
            }
            kept => kept,
        }
    }

    fn blocking_sync(&self) -> Result<(), Error> {
        let synced = files::open_file(&self.path).and_then(|file| file.sync_data());
        synced.map_err(|error| {
            Error::File(FileError::Write { path: self.path.clone(), source: Arc::new(error) })
        })
    }

    /// Cuts off what was written to the file later. Blocks the caller's thread meanwhile.
    ///
    /// # Errors
    ///
    /// A clause that says why the file is not the one that was written.
    pub(crate) fn blocking_cut_back(&self) -> Result<(), String> {
        let path = crate::text::path(&self.path);
        let length = files::known(&self.path).map_or(0, |known| known.len());
        if length < self.length {
            return Err(format!("{path} should have {} bytes and has {length}", self.length));
        }
        // The tail is known once the checkpoint was saved.
        if !self.tail.is_empty() && !self.is_unchanged() {
            return Err(format!("{path} is not what that run wrote: something else wrote to it"));
        }
        let file = files::create(&self.path, files::Mode::Keep, &|| true);
        file.and_then(|file| file.set_len(self.length))
            .map_err(|error| format!("can't write {path}: {error}"))
    }

    /// Whether the file still holds what was written to it, as far as its length and its end tell.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        let is_new = self.length == 0 && self.tail.is_empty();
        is_new || self.read_tail().is_ok_and(|tail| tail == self.tail)
    }

    fn read_tail(&self) -> io::Result<String> {
        let mut file = files::open_file(&self.path)?;
        let mut tail = vec![0; usize::try_from(self.length.min(TAIL)).unwrap_or_default()];
        file.seek(SeekFrom::Start(self.length - tail.len() as u64))?;
        file.read_exact(&mut tail)?;
        Ok(blake3::hash(&tail).to_hex().to_string())
    }
}

impl Checkpoint {
    /// Reads a checkpoint, and blocks the caller's thread meanwhile. Returns none if there is no such file.
    ///
    /// # Errors
    ///
    /// If the file can't be read, or is no checkpoint.
    pub fn blocking_load(path: &Path) -> Result<Option<Self>, Error> {
        let Some(bytes) = blocking_load_line(path)? else { return Ok(None) };
        let checkpoint = Self::parse(&bytes);
        checkpoint
            .map(Some)
            .map_err(|reason| Error::File(FileError::NotACheckpoint { path: path.to_owned(), reason }))
    }

    /// A checkpoint is a line of JSON, and the BLAKE3 hash of that line in hexadecimal digits.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let line = checked_line(bytes, |line| {
            if is_of_graph(line) {
                return Err("it is of a pipeline file or another graph: name another file".to_owned());
            }
            let refusal = CHECKPOINT.refusal(line);
            refusal.map_or_else(|| CHECKPOINT.check_json(line).map_err(damaged), Err)
        })?;
        let checkpoint: Self =
            serde_json::from_slice(line).map_err(|error| damaged(json_reason(&error, 0)))?;
        let Self { record, read, skip, .. } = checkpoint;
        if checkpoint.input >= checkpoint.inputs.len() || skip > read || read > record {
            return Err(damaged("its position is in no input"));
        }
        Ok(checkpoint)
    }

    /// Replaces the file by this checkpoint, as a whole or not at all, and blocks the caller's thread until it is on
    /// the disk. The outputs that it describes must be there before.
    ///
    /// # Errors
    ///
    /// If it can't be written.
    pub fn blocking_save(&self, path: &Path) -> Result<(), Error> {
        blocking_save_line(path, || serde_json::to_vec(&Self { version: CHECKPOINT.written, ..self.clone() }))
    }

    /// Removes the file, since the run is done. Blocks the caller's thread meanwhile.
    ///
    /// # Errors
    ///
    /// If it can't be removed.
    pub fn blocking_remove(path: &Path) -> Result<(), Error> {
        match files::remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::File(FileError::Write { path: path.to_owned(), source: Arc::new(error) }))
            }
            _ => Ok(()),
        }
    }
}

/// Reads a checkpoint's file. Returns none if there is no such file.
pub(super) fn blocking_load_line(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let read = || {
        files::open_file(path)?;
        files::read_at_most(path, LONGEST)
    };
    match read() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::File(FileError::Read { path: path.to_owned(), source: Arc::new(error) })),
    }
}

/// The line of a checkpoint's file, which `is_known` to be of a layout that can be read.
pub(super) fn checked_line(
    bytes: &[u8],
    is_known: impl FnOnce(&[u8]) -> Result<(), String>,
) -> Result<&[u8], String> {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    is_known(line)?;
    if bytes[line.len()..] != *checksum(line).as_bytes() {
        return Err(damaged("its checksum is missing or wrong, so it was changed or cut off"));
    }
    Ok(line)
}

/// Why a file is not a checkpoint, with what to do.
pub(super) fn damaged(reason: impl std::fmt::Display) -> String {
    format!("{reason}: remove it to start over, or name another file")
}

/// Replaces a checkpoint's file, as a whole or not at all.
pub(super) fn blocking_save_line(
    path: &Path,
    line: impl FnOnce() -> serde_json::Result<Vec<u8>>,
) -> Result<(), Error> {
    let save = || {
        let text = with_checksum(line()?);
        files::replace(path, |file| file.write_all(&text))
    };
    save().map_err(|error: io::Error| {
        Error::File(FileError::Write { path: path.to_owned(), source: Arc::new(error) })
    })
}

/// A checkpoint's file, of its line.
pub(crate) fn with_checksum(mut line: Vec<u8>) -> Vec<u8> {
    let checksum = checksum(&line);
    line.extend_from_slice(checksum.as_bytes());
    line
}

/// What follows a line in a file: a newline, its hash and another newline.
fn checksum(line: &[u8]) -> String {
    format!("\n{}\n", blake3::hash(line).to_hex())
}

/// Whether a checkpoint's line is of a graph, of whatever version.
fn is_of_graph(line: &[u8]) -> bool {
    serde_json::from_slice(line).is_ok_and(|Layout { graph }| graph.is_some())
}

/// What is read of a checkpoint of any version.
#[derive(Deserialize)]
#[serde(expecting = "a checkpoint")]
pub(super) struct Layout {
    /// The version of a checkpoint of a graph.
    pub(super) graph: Option<u64>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VERSION: u32 = CHECKPOINT.written;

    fn checkpoint() -> Checkpoint {
        let inputs = vec![InputState { path: "in".into(), size: 9, modified: 7, first: Some(1) }];
        let output = OutputState { path: "out".into(), length: 3, tail: "5a".into() };
        let states = vec![None, Some(State::from(vec![0, 255]))];
        let place = Checkpoint { record: 5, read: 4, offset: 4, skip: 1, ..Checkpoint::default() };
        Checkpoint { states, inputs, output, ..place }
    }

    #[test]
    fn a_saved_checkpoint_loads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        assert_eq!(Checkpoint::blocking_load(&path).unwrap(), None);
        checkpoint().blocking_save(&path).unwrap();
        assert_eq!(
            Checkpoint::blocking_load(&path).unwrap(),
            Some(Checkpoint { version: VERSION, ..checkpoint() })
        );
        Checkpoint::blocking_remove(&path).unwrap();
        Checkpoint::blocking_remove(&path).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_no_checkpoint_is_refused() {
        let text = serde_json::to_string(&Checkpoint { version: VERSION, ..checkpoint() }).unwrap();
        let summed = |text: &str| with_checksum(text.as_bytes().to_vec());
        assert!(Checkpoint::parse(&summed(&text)).is_ok());
        let unsummed = Checkpoint::parse(text.as_bytes()).unwrap_err();
        assert!(unsummed.contains("checksum"), "{unsummed}");
        let broken = [
            text[..text.len() - 1].to_owned(),
            text.replace(&format!("\"version\":{VERSION}"), "\"version\":3"),
            text.replace("\"input\":0", "\"input\":1"),
            text.replace("\"skip\":1", "\"skip\":5"),
            text.replace("\"read\":4", "\"read\":6"),
            text.replace("AP8=", "AP8"),
            text.replace("\"skip\":1", "\"skip\":-1"),
            text.replace("\"record\"", "\"Record\""),
            String::new(),
        ];
        for text in broken {
            assert!(Checkpoint::parse(&summed(&text)).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_cause_no_panic(bytes: Vec<u8>) {
            let _ = Checkpoint::parse(&bytes);
        }
    }
}
