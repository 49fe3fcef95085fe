//! How far a file was read, and the file that keeps this for all files of a source.

use std::fs::Metadata;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::Fingerprint;
use crate::Error;
use crate::error::FileError;
use crate::files;
use crate::progress::with_checksum;
use crate::text::json_reason;
use crate::versions::POSITIONS;

/// The longest file, in bytes.
const LONGEST: u64 = 1 << 30;

/// The number of a file in its file system, and of that.
pub(crate) type FileId = (u64, u64);

/// How far a source has read a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilePosition {
    /// Where the source found it. It may have another name now.
    pub(crate) path: PathBuf,
    /// Its device and inode, where the system has these.
    pub(crate) id: Option<FileId>,
    /// Its first bytes.
    pub(crate) beginning: Fingerprint,
    /// The last bytes before `read`.
    pub(crate) before: Fingerprint,
    /// How many of its bytes were read.
    pub(crate) read: u64,
    /// When it was last changed before, in nanoseconds since 1970.
    pub(crate) modified: u64,
    /// Where the next run begins to read: the beginning of a record.
    pub(crate) offset: u64,
    /// How many records from there on are done.
    pub(crate) skip: u64,
    /// How many lines come before the offset.
    pub(crate) lines: u64,
    /// Lines are counted from where reading began.
    pub(crate) partly: bool,
    /// It was read to its end, and nothing more is expected of it.
    pub(crate) done: bool,
}

impl FilePosition {
    /// Whether it is about the file with this metadata, as far as that tells.
    pub(crate) fn has_id_of(&self, known: &Metadata) -> bool {
        self.id == id_of(known)
    }
}

/// The positions in all files of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "positions in files")]
pub(crate) struct Positions {
    version: u32,
    pub(crate) files: Vec<FilePosition>,
}

impl Positions {
    pub(crate) fn of(files: Vec<FilePosition>) -> Self {
        Self { version: POSITIONS.written, files }
    }

    /// Reads the file, and blocks the caller's thread meanwhile. None if there is no such file: no run has begun yet.
    ///
    /// # Errors
    ///
    /// If it can't be read, or has no positions.
    pub(crate) fn blocking_load(path: &Path) -> Result<Option<Self>, Error> {
        let bytes = match files::open_file(path).and_then(|_| files::read_at_most(path, LONGEST)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(Error::File(FileError::Read { path: path.to_owned(), source: Arc::new(error) }));
            }
        };
        let parsed = Self::parse(&bytes);
        parsed
            .map(Some)
            .map_err(|reason| Error::File(FileError::NoPositions { path: path.to_owned(), reason }))
    }

    /// The file is a line of JSON, and the BLAKE3 hash of that line in hexadecimal digits.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        POSITIONS.check_json(line)?;
        if *bytes != *with_checksum(line.to_vec()) {
            return Err("its checksum is missing or wrong, so it was changed or cut off".to_owned());
        }
        serde_json::from_slice(line).map_err(|error| json_reason(&error, 0))
    }

    /// Replaces the file, as a whole or not at all, and blocks the caller's thread until it is on the disk.
    ///
    /// # Errors
    ///
    /// If it can't be written.
    pub(crate) fn blocking_save(&self, path: &Path) -> Result<(), Error> {
        let save = || {
            let text = with_checksum(serde_json::to_vec(self)?);
            files::replace(path, |file| file.write_all(&text))
        };
        save().map_err(|error: io::Error| {
            Error::File(FileError::Write { path: path.to_owned(), source: Arc::new(error) })
        })
    }
}

/// The number of a file, where the system has one.
#[cfg(unix)]
pub(crate) fn id_of(known: &Metadata) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    Some((known.dev(), known.ino()))
}

#[cfg(not(unix))]
pub(crate) fn id_of(_: &Metadata) -> Option<FileId> {
    None
}

/// When a file was last changed, in nanoseconds since 1970.
pub(crate) fn modified(known: &Metadata) -> u64 {
    let since = known.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::versions::fixture;

    fn positions() -> Positions {
        let beginning = Fingerprint::of(b"a\nb\n");
        let position = FilePosition {
            path: "log".into(),
            id: Some((1, 2)),
            before: beginning.clone(),
            beginning,
            read: 4,
            offset: 2,
            skip: 1,
            lines: 1,
            ..FilePosition::default()
        };
        Positions::of(vec![position])
    }

    #[test]
    fn saved_positions_load() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("positions");
        assert_eq!(Positions::blocking_load(&path).unwrap(), None);
        positions().blocking_save(&path).unwrap();
        assert_eq!(Positions::blocking_load(&path).unwrap(), Some(positions()));
    }

    #[test]
    fn positions_of_every_version_are_read() {
        for version in POSITIONS.oldest..=POSITIONS.written {
            let read = Positions::parse(&fixture(&format!("positions.{version}"))).unwrap();
            assert_eq!((read.files[0].read, read.files[0].lines), (8, 2));
        }
    }

    #[test]
    fn a_file_without_positions_is_refused() {
        let text = serde_json::to_string(&positions()).unwrap();
        let summed = |text: &str| with_checksum(text.as_bytes().to_vec());
        assert!(Positions::parse(&summed(&text)).is_ok());
        assert!(Positions::parse(text.as_bytes()).unwrap_err().contains("checksum"));
        for broken in [
            text.replace("\"version\":1", "\"version\":2"),
            text.replace("\"skip\":1", "\"skip\":-1"),
            text.replace("\"skip\"", "\"Skip\""),
            String::new(),
        ] {
            assert!(Positions::parse(&summed(&broken)).is_err(), "{broken}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_cause_no_panic(bytes: Vec<u8>) {
            let _ = Positions::parse(&bytes);
        }
    }
}
