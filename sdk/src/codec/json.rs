//! Types that serde knows, as one JSON value each.

use std::{io, str};

use serde::{Deserialize, Serialize};

use super::append::append;
use super::undecodable;
use crate::failure::Failure;

/// The codec of all types that are not plain.
pub struct Json;

impl Json {
    /// Reads a value, which may borrow from the record.
    #[inline]
    pub fn decode<'r, T: Deserialize<'r>>(self, record: &'r [u8]) -> Result<T, Failure> {
        let wrong = |error: serde_json::Error| undecodable(&format!("JSON ({error})"), record);
        match str::from_utf8(record) {
            // Checked as a whole, its strings need not be checked one by one.
            Ok(text) => serde_json::from_str(text).map_err(wrong),
            Err(_) => serde_json::from_slice(record).map_err(wrong),
        }
    }

    /// Appends a value to `data`.
    #[inline]
    pub fn encode<T: Serialize>(self, value: &T, data: &mut Vec<u8>) -> Result<(), Failure> {
        serde_json::to_writer(Appended(data), value).map_err(Failure::from)
    }
}

/// Takes the many short pieces that JSON is written in.
struct Appended<'d>(&'d mut Vec<u8>);

impl io::Write for Appended<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        append(self.0, bytes);
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        append(self.0, bytes);
        Ok(())
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
