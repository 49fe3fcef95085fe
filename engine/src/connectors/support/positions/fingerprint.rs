//! Recognizes bytes of a file by their hash.

use std::io::{self, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};

/// The most bytes that a fingerprint covers. A file that has fewer is recognized by those that it has.
pub(crate) const LONGEST: usize = 1024;

/// The hash of consecutive bytes of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fingerprint {
    /// How many bytes it covers.
    pub(crate) bytes: u64,
    /// Their BLAKE3 hash, in hexadecimal digits.
    pub(crate) hash: String,
}

impl Fingerprint {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, hash: blake3::hash(bytes).to_hex().to_string() }
    }

    /// The bytes of a file from `start` on, if they are those that this covers.
    pub(crate) fn read_again(&self, mut file: impl Read + Seek, start: u64) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        file.take(self.bytes.min(LONGEST as u64)).read_to_end(&mut bytes)?;
        Ok((Self::of(&bytes) == *self).then_some(bytes))
    }
}
