//! Integers, floats and booleans: JSON, with a schema.

use std::str;

use lexical_parse_integer::FromLexical;
use lexical_write_integer::{FormattedSize, ToLexical};

use super::digits;
use super::traits::{Decode, Encode, Primitive};
use crate::codec::append::append;
use crate::codec::undecodable;
use crate::contract::Format;
use crate::failure::Failure;

macro_rules! integers {
    ($($type:ident $format:literal)*) => { $(
        impl Primitive for $type {
            const FORMAT: Format = Format::Json;
            const SCHEMA: Option<&'static str> =
                Some(concat!(r#"{"type":"integer","format":""#, $format, r#""}"#));
        }

        impl Decode<'_> for $type {
            #[inline]
            fn decode(record: &[u8]) -> Result<Self, Failure> {
                let short = digits::short(record).and_then(|value| value.try_into().ok());
                short.map_or_else(|| read(record, long_integer, concat!("an integer (", stringify!($type), ")")), Ok)
            }
        }

        impl Encode for $type {
            #[inline]
            fn encode(&self, data: &mut Vec<u8>) -> Result<(), Failure> {
                let start = data.len();
                data.extend_from_slice(&[0; $type::FORMATTED_SIZE_DECIMAL]);
                let length = self.to_lexical(&mut data[start..]).len();
                data.truncate(start + length);
                Ok(())
            }
        }
    )* };
}

integers! {
    i8 "int8" i16 "int16" i32 "int32" i64 "int64" i128 "int128"
    u8 "uint8" u16 "uint16" u32 "uint32" u64 "uint64" u128 "uint128"
}

#[cfg(target_pointer_width = "32")]
integers! { isize "int32" usize "uint32" }

#[cfg(target_pointer_width = "64")]
integers! { isize "int64" usize "uint64" }

macro_rules! floats {
    ($($type:ident $format:literal)*) => { $(
        impl Primitive for $type {
            const FORMAT: Format = Format::Json;
            const SCHEMA: Option<&'static str> =
                Some(concat!(r#"{"type":"number","format":""#, $format, r#""}"#));
        }

        impl Decode<'_> for $type {
            #[inline]
            fn decode(record: &[u8]) -> Result<Self, Failure> {
                let parse = |text: &[u8]| {
                    let float: $type = str::from_utf8(text).ok()?.parse().ok()?;
                    float.is_finite().then_some(float)
                };
                read(record, parse, concat!("a number (", stringify!($type), ")"))
            }
        }

        impl Encode for $type {
            #[inline]
            fn encode(&self, data: &mut Vec<u8>) -> Result<(), Failure> {
                if !self.is_finite() {
                    return Err(Failure::new(format_args!("the result is {self}, which is no JSON")));
                }
                append(data, zmij::Buffer::new().format_finite(*self).as_bytes());
                Ok(())
            }
        }
    )* };
}

floats! { f32 "float" f64 "double" }

impl Primitive for bool {
    const FORMAT: Format = Format::Json;
    const SCHEMA: Option<&'static str> = Some(r#"{"type":"boolean"}"#);
}

impl Decode<'_> for bool {
    #[inline]
    fn decode(record: &[u8]) -> Result<Self, Failure> {
        let parse = |text: &[u8]| match text {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        };
        read(record, parse, "true or false")
    }
}

impl Encode for bool {
    #[inline]
    fn encode(&self, data: &mut Vec<u8>) -> Result<(), Failure> {
        append(data, if *self { b"true" } else { b"false" });
        Ok(())
    }
}

/// An integer that is not just a few digits. In a function of its own: the caller's loop is faster when short
/// it is.
#[inline(never)]
fn long_integer<T: TryFrom<u64> + FromLexical>(text: &[u8]) -> Option<T> {
    match digits::long(text) {
        Some(value) => value.try_into().ok(),
        None => T::from_lexical(text).ok(),
    }
}

/// The record as `parse` reads it.
#[inline]
fn read<T>(record: &[u8], parse: impl Fn(&[u8]) -> Option<T>, expected: &str) -> Result<T, Failure> {
    match parse(record) {
        Some(value) => Ok(value),
        None => read_spaced(record, parse, expected),
    }
}

/// The record without the spaces around it: JSON allows them, and `\r\n` brings them. Apart from
/// `read`, whose loop is the faster the shorter it is.
#[cold]
#[inline(never)]
fn read_spaced<T>(record: &[u8], parse: impl Fn(&[u8]) -> Option<T>, expected: &str) -> Result<T, Failure> {
    parse(record.trim_ascii()).ok_or_else(|| undecodable(expected, record))
}
