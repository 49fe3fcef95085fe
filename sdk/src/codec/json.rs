//! Types that serde knows, as one JSON value each.

use serde::{Deserialize, Serialize};

use super::undecodable;
use crate::failure::Failure;

/// The codec of all types that are not plain.
pub struct Json;

impl Json {
    /// Reads a value, which may borrow from the record.
    #[inline]
    pub fn decode<'r, T: Deserialize<'r>>(self, record: &'r [u8]) -> Result<T, Failure> {
        serde_json::from_slice(record).map_err(|error| undecodable(&format!("JSON ({error})"), record))
    }

    /// Appends a value to `data`.
    #[inline]
    pub fn encode<T: Serialize>(self, value: &T, data: &mut Vec<u8>) -> Result<(), Failure> {
        serde_json::to_writer(data, value).map_err(Failure::from)
    }
}
