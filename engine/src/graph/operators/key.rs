//! What tells the key of a record: a closure, or a part of its JSON.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::Part;
use crate::record::{Batch, BatchBuilder, Record, shorten};

/// What tells the key of each element: a closure, or a [`Part`] of its JSON.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't tell the key of a `{T}`",
    label = "neither a closure over `&{T}` that returns a record, nor a `Part`",
    note = "write `|x: &{T}| …`, or `Part::from(\"field\")`"
)]
pub trait Key<T>: Send + 'static {
    /// Appends the key of a record, or says why it has none.
    #[doc(hidden)]
    fn write(&self, record: &[u8], key: &mut Vec<u8>) -> Result<(), String>;
}

impl<T: Record, K: Record, F: Fn(&T) -> K + Send + 'static> Key<T> for F {
    fn write(&self, record: &[u8], key: &mut Vec<u8>) -> Result<(), String> {
        self(&T::decode(record)?).encode(key);
        Ok(())
    }
}

impl<T: Record> Key<T> for Part {
    fn write(&self, record: &[u8], key: &mut Vec<u8>) -> Result<(), String> {
        let mut json = serde_json::Deserializer::from_slice(record);
        let found = json.deserialize_any(Seek(self)).and_then(|found| json.end().map(|()| found));
        match found {
            // The same value is the same key, however it is written.
            Ok(Some(value)) => serde_json::to_writer(key, &value).map_err(|error| error.to_string()),
            Ok(None) => Err(format!("{} has no {self}, which is the key", shorten(record))),
            Err(error) => Err(format!("{} has no {self}, which is the key ({error})", shorten(record))),
        }
    }
}

/// Reads past everything but one part.
struct Seek<'p>(&'p Part);

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Part::Field(_) => "an object",
            Part::Item(_) => "an array",
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match self.0 {
                Part::Field(wanted) if *wanted == name => found = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let Part::Item(wanted) = *self.0 else {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(None);
        };
        for _ in 0..wanted {
            if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(None);
            }
        }
        let found = items.next_element()?;
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }
}

/// Appends a record's key, or says why there is none.
pub(super) type WriteKey = Box<dyn Fn(&[u8], &mut Vec<u8>) -> Result<(), String> + Send>;

/// The keys of the first records, up to one that has none, and why it has none.
pub(super) fn keys_of(write: &WriteKey, records: &Batch) -> (Batch, Option<String>) {
    let mut keys = BatchBuilder::default();
    let mut key = Vec::new();
    for (number, record) in records.iter() {
        key.clear();
        if let Err(reason) = write(record, &mut key) {
            return (keys.build(), Some(reason));
        }
        keys.push(number, |data| data.extend_from_slice(&key));
    }
    (keys.build(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(part: impl Into<Part>, record: &str) -> Result<String, String> {
        let mut key = Vec::new();
        Key::<Vec<u8>>::write(&part.into(), record.as_bytes(), &mut key)?;
        Ok(String::from_utf8(key).unwrap())
    }

    #[test]
    fn equal_values_are_equal_keys_in_any_notation() {
        for record in [r#"{"user":"ann","x":[{"user":1}]}"#, r#" { "x" : 1 , "us\u0065r" : "\u0061nn" } "#] {
            assert_eq!(key("user", record).as_deref(), Ok(r#""ann""#));
        }
        assert_eq!(key(1, "[0, [1, 2], 3]").as_deref(), Ok("[1,2]"));
        assert_ne!(key("user", r#"{"user":1}"#), key("user", r#"{"user":"1"}"#));
    }

    #[test]
    fn a_record_without_its_key_is_named() {
        for (part, record) in [
            (Part::from("user"), r#"{"name":1}"#),
            (Part::from("user"), "[1]"),
            (Part::from("user"), "ann"),
            (Part::from("user"), r#"{"user":1} x"#),
            (Part::from("user"), r#"{"user":1"#),
            (Part::from(2), "[1,2]"),
            (Part::from(0), r#"{"0":1}"#),
            (Part::from(0), ""),
        ] {
            let said = key(part.clone(), record).unwrap_err();
            assert!(said.contains(&format!(" has no {part}, which is the key")), "{said}");
        }
    }

    #[test]
    fn keys_stop_at_the_first_record_without_one() {
        let mut records = BatchBuilder::default();
        for (number, record) in [(1, "[1]"), (2, "[\"b\"]"), (3, "c"), (4, "[4]")] {
            records.push(number, |data| data.extend_from_slice(record.as_bytes()));
        }
        let write: WriteKey = Box::new(|record, key| Key::<Vec<u8>>::write(&Part::Item(0), record, key));
        let (keys, reason) = keys_of(&write, &records.build());
        assert_eq!(keys.iter().collect::<Vec<_>>(), [(1, &b"1"[..]), (2, b"\"b\"")]);
        assert!(reason.is_some());
    }
}
