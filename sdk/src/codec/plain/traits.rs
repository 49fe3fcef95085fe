//! What the plain types have in common.

use crate::contract::Format;
use crate::failure::Failure;

/// The codec of all types that are `Primitive`.
pub struct Plain;

impl Plain {
    /// Reads a value, which may borrow from the record.
    #[inline]
    pub fn decode<'r, T: Decode<'r>>(self, record: &'r [u8]) -> Result<T, Failure> {
        T::decode(record)
    }

    /// Appends a value to `data`.
    #[inline]
    pub fn encode<T: Encode>(self, value: &T, data: &mut Vec<u8>) -> Result<(), Failure> {
        value.encode(data)
    }
}

/// A type with a form of its own.
pub trait Primitive {
    /// How its bytes are to be read.
    const FORMAT: Format;
    /// Its JSON Schema, where the format does not say it all.
    const SCHEMA: Option<&'static str> = None;
}

/// A type that a record can be read as.
pub trait Decode<'r>: Primitive + Sized {
    /// Reads a value.
    fn decode(record: &'r [u8]) -> Result<Self, Failure>;
}

/// A type that a record can be written from.
pub trait Encode: Primitive {
    /// Appends the value to `data`.
    fn encode(&self, data: &mut Vec<u8>) -> Result<(), Failure>;
}

impl<T: Primitive> Primitive for &T {
    const FORMAT: Format = T::FORMAT;
    const SCHEMA: Option<&'static str> = T::SCHEMA;
}

impl<T: Encode> Encode for &T {
    #[inline]
    fn encode(&self, data: &mut Vec<u8>) -> Result<(), Failure> {
        (**self).encode(data)
    }
}
