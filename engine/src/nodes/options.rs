//! The types of nodes' options: how people write times, sizes, keys and the like.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use super::json::Path;

/// Reads an option from whatever way of writing it a type understands.
pub(crate) struct Written<T> {
    pub(crate) expected: &'static str,
    pub(crate) from: fn(Word) -> Option<T>,
}

/// A scalar as it stands in the file.
pub(crate) enum Word<'a> {
    Text(&'a str),
    Integer(i64),
    Float(f64),
    Boolean(bool),
}

impl<T> Visitor<'_> for Written<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        self.read(Word::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => Err(self.refused()),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        self.read(Word::Float(value))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<T, E> {
        self.read(Word::Boolean(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<T, E> {
        self.read(Word::Text(value))
    }
}

impl<T> Written<T> {
    fn read<E: Error>(self, word: Word) -> Result<T, E> {
        (self.from)(word).ok_or_else(|| self.refused())
    }

    /// What was found is known to the reader.
    fn refused<E: Error>(&self) -> E {
        E::invalid_value(Unexpected::Other("another value"), &self.expected)
    }
}

macro_rules! option {
    ($(#[$docs:meta])* $name:ident($vis:vis $type:ty), $expected:literal, $from:expr, $schema:tt) => {
        $(#[$docs])*
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) struct $name($vis $type);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Written { expected: $expected, from: $from }).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

/// No time is longer: a hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// A number that is written as one, or as text where a variable stood.
fn number<T: FromStr + TryFrom<i64>>(word: &Word) -> Option<T> {
    match word {
        Word::Integer(number) => T::try_from(*number).ok(),
        Word::Text(text) => text.parse().ok(),
        Word::Float(_) | Word::Boolean(_) => None,
    }
}

/// A time that is not too long.
fn time(word: &Word) -> Option<Duration> {
    let time = match word {
        Word::Integer(seconds) => u64::try_from(*seconds).ok().map(Duration::from_secs),
        Word::Float(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
        Word::Text(text) => humantime::parse_duration(text)
            .ok()
            .or_else(|| text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())),
        Word::Boolean(_) => None,
    };
    time.filter(|time| *time <= LONGEST)
}

option! {
    /// How many: at least one.
    Count(pub(crate) NonZeroUsize), "a whole number from 1",
    |word| number::<usize>(&word).and_then(NonZeroUsize::new),
    { "type": ["integer", "string"], "minimum": 1, "description": "A whole number from 1." }
}

option! {
    /// A position or a number of things, which may be 0.
    Number(pub(crate) u64), "a whole number from 0",
    |word| number(&word),
    { "type": ["integer", "string"], "minimum": 0, "description": "A whole number from 0." }
}

option! {
    /// A time above zero.
    Time(pub(crate) Duration), "a time, as \"500ms\", \"2s\" or a number of seconds",
    |word| time(&word).filter(|time| !time.is_zero()),
    { "type": ["number", "string"], "description": "A time, as \"500ms\", \"2s\", or a number of seconds." }
}

option! {
    /// A time that may be 0.
    Patience(pub(crate) Duration), "a time, as \"500ms\", \"2s\" or a number of seconds, or 0",
    |word| time(&word),
    { "type": ["number", "string"], "description": "A time, as \"500ms\", \"2s\", or a number of seconds, or 0." }
}

option! {
    /// A number of bytes.
    Size(pub(crate) usize), "a number of bytes, as \"64MiB\"",
    |word| match word {
        Word::Text(text) => text.parse::<ByteSize>().ok().and_then(|size| usize::try_from(size.0).ok()),
        word => number(&word),
    },
    { "type": ["integer", "string"], "description": "A number of bytes, as \"64MiB\"." }
}

option! {
    /// A part of a record.
    Key(pub(crate) Path), "a field's name, the number of an item, or a path such as \"/user/id\"",
    |word| match word {
        Word::Text(text) => Some(Path::parse(text)),
        Word::Integer(item) => usize::try_from(item).ok().map(Path::item),
        Word::Float(_) | Word::Boolean(_) => None,
    },
    {
        "type": ["string", "integer"],
        "description": "A field's name, the number of an item, or a path such as \"/user/id\"."
    }
}

option! {
    /// A function's argument, as the text that it is given.
    Argument(pub(crate) String), "a text, a number or a boolean",
    |word| Some(match word {
        Word::Text(text) => text.to_owned(),
        Word::Integer(number) => number.to_string(),
        Word::Float(number) => number.to_string(),
        Word::Boolean(boolean) => boolean.to_string(),
    }),
    { "type": ["string", "number", "boolean"] }
}

option! {
    /// One byte that stands between others.
    Delimiter(pub(crate) u8), "one ASCII character, as \",\" or \"\\t\"",
    |word| match word {
        Word::Text(text) => single(text),
        _ => None,
    },
    { "type": "string", "minLength": 1, "maxLength": 1, "description": "One ASCII character, but no newline." }
}

option! {
    /// A byte that stands around others, if any does.
    Quote(pub(crate) Option<u8>), "one ASCII character, as \"'\", or \"\" for none",
    |word| match word {
        Word::Text("") => Some(None),
        Word::Text(text) => single(text).map(Some),
        _ => None,
    },
    { "type": "string", "maxLength": 1, "description": "One ASCII character, but no newline; \"\" for none." }
}

/// The byte that a text is, if it can stand within a line.
fn single(text: &str) -> Option<u8> {
    let [byte] = text.as_bytes() else { return None };
    (byte.is_ascii() && !matches!(byte, b'\n' | b'\r')).then_some(*byte)
}

option! {
    /// A BLAKE3 hash, in small letters.
    Blake3(pub(crate) String), "64 hexadecimal digits",
    |word| match word {
        Word::Text(text) if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Some(text.to_ascii_lowercase())
        }
        _ => None,
    },
    { "type": "string", "pattern": "^[0-9A-Fa-f]{64}$", "description": "64 hexadecimal digits." }
}

/// One or several of something. The reader chooses by the form of the value, which the names say.
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum OneOrMore<T> {
    #[serde(rename = "<one>")]
    One(T),
    #[serde(rename = "<list>")]
    More(Vec<T>),
}

impl<T> Default for OneOrMore<T> {
    /// None.
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

impl<T> OneOrMore<T> {
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }

    pub(crate) fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::More(more) => more,
        }
    }
}
