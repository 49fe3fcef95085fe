//! Text: UTF-8 without quotes around it.

use std::borrow::Cow;
use std::str;

use super::traits::{Decode, Encode, Primitive};
use crate::codec::append::append;
use crate::codec::undecodable;
use crate::contract::Format;
use crate::failure::Failure;

macro_rules! text {
    ($($type:ty)*) => { $(
        impl Primitive for $type {
            const FORMAT: Format = Format::Text;
        }

        impl Encode for $type {
            #[inline]
            fn encode(&self, data: &mut Vec<u8>) -> Result<(), Failure> {
                append(data, self.as_bytes());
                Ok(())
            }
        }
    )* };
}

text! { &str String Box<str> Cow<'_, str> }

impl Primitive for char {
    const FORMAT: Format = Format::Text;
}

impl Encode for char {
    #[inline]
    fn encode(&self, data: &mut Vec<u8>) -> Result<(), Failure> {
        append(data, self.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }
}

impl Decode<'_> for char {
    #[inline]
    fn decode(record: &[u8]) -> Result<Self, Failure> {
        text(record)?.parse().map_err(|_| undecodable("one character", record))
    }
}

impl<'r> Decode<'r> for &'r str {
    #[inline]
    fn decode(record: &'r [u8]) -> Result<Self, Failure> {
        text(record)
    }
}

impl Decode<'_> for String {
    #[inline]
    fn decode(record: &[u8]) -> Result<Self, Failure> {
        text(record).map(Into::into)
    }
}

impl Decode<'_> for Box<str> {
    #[inline]
    fn decode(record: &[u8]) -> Result<Self, Failure> {
        text(record).map(Into::into)
    }
}

impl<'r> Decode<'r> for Cow<'r, str> {
    #[inline]
    fn decode(record: &'r [u8]) -> Result<Self, Failure> {
        text(record).map(Cow::Borrowed)
    }
}

#[inline]
fn text(record: &[u8]) -> Result<&str, Failure> {
    str::from_utf8(record).map_err(|_| undecodable("text (UTF-8)", record))
}
