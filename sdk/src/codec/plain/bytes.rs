//! Bytes, whatever they are.

use std::borrow::Cow;

use super::traits::{Decode, Encode, Primitive};
use crate::codec::append::append;
use crate::contract::Format;
use crate::failure::Failure;

macro_rules! bytes {
    ($($type:ty)*) => { $(
        impl Primitive for $type {
            const FORMAT: Format = Format::Bytes;
        }

        impl Encode for $type {
            #[inline]
            fn encode(&self, data: &mut Vec<u8>) -> Result<(), Failure> {
                append(data, self);
                Ok(())
            }
        }
    )* };
}

bytes! { &[u8] Vec<u8> Box<[u8]> Cow<'_, [u8]> }

impl<'r> Decode<'r> for &'r [u8] {
    #[inline]
    fn decode(record: &'r [u8]) -> Result<Self, Failure> {
        Ok(record)
    }
}

impl Decode<'_> for Vec<u8> {
    #[inline]
    fn decode(record: &[u8]) -> Result<Self, Failure> {
        Ok(record.into())
    }
}

impl Decode<'_> for Box<[u8]> {
    #[inline]
    fn decode(record: &[u8]) -> Result<Self, Failure> {
        Ok(record.into())
    }
}

impl<'r> Decode<'r> for Cow<'r, [u8]> {
    #[inline]
    fn decode(record: &'r [u8]) -> Result<Self, Failure> {
        Ok(Cow::Borrowed(record))
    }
}
