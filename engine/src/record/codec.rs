//! How Rust types become the bytes of a record, and back.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How the bytes of a record are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// Any bytes.
    Bytes,
    /// UTF-8 text without quotes.
    Text,
    /// One JSON value; numbers, booleans and structures are of this format.
    Json,
}

/// What the records on one side of a function look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// How the bytes are to be read.
    pub format: Format,
    /// A JSON Schema, where more is known than the format.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_json")]
    pub schema: Option<String>,
}

/// A schema as the JSON that it is, or as text if it is none.
fn as_json<S: serde::Serializer>(schema: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let text = schema.as_deref().unwrap_or("null");
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => value.serialize(serializer),
        Err(_) => text.serialize(serializer),
    }
}

impl Shape {
    const fn plain(format: Format) -> Self {
        Self { format, schema: None }
    }

    /// Whether records of this shape may be given where `wanted` is expected.
    ///
    /// Formats convert into each other (text is parsed where JSON is wanted, JSON is its own text),
    /// so only two schemas that differ are refused.
    #[must_use]
    pub fn fits(&self, wanted: &Self) -> bool {
        match (&self.schema, &wanted.schema) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }
}

impl fmt::Display for Shape {
    /// The short form for people: `int64`, `text`, `json`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema =
            self.schema.as_deref().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
        let name = schema.as_ref().and_then(|schema| {
            let name = schema.get("title").or(schema.get("format")).or(schema.get("type"));
            // It is a guest's word: shown only if it is a plain one.
            name.and_then(serde_json::Value::as_str)
                .filter(|name| name.len() <= 40 && name.chars().all(|c| c.is_ascii_graphic() || c == ' '))
        });
        f.write_str(name.unwrap_or(match self.format {
            Format::Bytes => "bytes",
            Format::Text => "text",
            Format::Json => "json",
        }))
    }
}

/// A type whose values travel as records.
///
/// Integers, floats and booleans are their text, `String` is UTF-8 text, `Vec<u8>` is raw, and
/// [`Json`] carries any serde type.
pub trait Record: Clone + Send + Sync + 'static {
    /// The shape of its records.
    fn shape() -> Shape;

    /// Appends the record's bytes to `out`.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads a record's bytes.
    ///
    /// # Errors
    ///
    /// A sentence that says what was expected and what stood there.
    fn decode(bytes: &[u8]) -> Result<Self, String>;
}

/// Any serde type, as JSON.
///
/// ```
/// use engine::{Json, Record};
///
/// let mut bytes = Vec::new();
/// Json(("a".to_owned(), 1)).encode(&mut bytes);
/// assert_eq!(bytes, br#"["a",1]"#);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json<T>(pub T);

impl<T> Record for Json<T>
where
    T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    fn shape() -> Shape {
        Shape::plain(Format::Json)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        // A map with keys that are no strings is the only thing that serde_json refuses; it becomes
        // null here, as a float that is no number does.
        let start = out.len();
        if serde_json::to_writer(&mut *out, &self.0).is_err() {
            out.truncate(start);
            out.extend_from_slice(b"null");
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map(Json).map_err(|error| error.to_string())
    }
}

impl Record for Vec<u8> {
    fn shape() -> Shape {
        Shape::plain(Format::Bytes)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        Ok(bytes.to_vec())
    }
}

impl Record for String {
    fn shape() -> Shape {
        Shape::plain(Format::Text)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        text(bytes).map(str::to_owned)
    }
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    str::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", shorten(bytes)))
}

/// The start of a record's bytes, quoted and without control characters, for messages.
pub(crate) fn shorten(bytes: &[u8]) -> String {
    const SHOWN: usize = 40;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN)]);
    let shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let more = if text.chars().nth(SHOWN).is_some() || bytes.len() > 4 * SHOWN { "…" } else { "" };
    format!("\"{shown}{more}\"")
}

macro_rules! plain_records {
    ($buffer:ty: $($type:ty = $schema:literal),*) => {$(
        impl Record for $type {
            fn shape() -> Shape {
                Shape { format: Format::Json, schema: Some($schema.to_owned()) }
            }

            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(<$buffer>::new().format(*self).as_bytes());
            }

            fn decode(bytes: &[u8]) -> Result<Self, String> {
                let parsed = text(bytes)?.parse();
                parsed.map_err(|_| format!(concat!("expected ", stringify!($type), ", found {}"), shorten(bytes)))
            }
        }
    )*};
}

/// Formats a boolean as the number codecs do.
struct Bool;

impl Bool {
    fn new() -> Self {
        Self
    }

    fn format(self, value: bool) -> &'static str {
        if value { "true" } else { "false" }
    }
}

plain_records!(itoa::Buffer:
    i8 = r#"{"type":"integer","format":"int8"}"#,
    i16 = r#"{"type":"integer","format":"int16"}"#,
    i32 = r#"{"type":"integer","format":"int32"}"#,
    i64 = r#"{"type":"integer","format":"int64"}"#,
    i128 = r#"{"type":"integer","format":"int128"}"#,
    u8 = r#"{"type":"integer","format":"uint8"}"#,
    u16 = r#"{"type":"integer","format":"uint16"}"#,
    u32 = r#"{"type":"integer","format":"uint32"}"#,
    u64 = r#"{"type":"integer","format":"uint64"}"#,
    u128 = r#"{"type":"integer","format":"uint128"}"#
);
plain_records!(zmij::Buffer:
    f32 = r#"{"type":"number","format":"float"}"#,
    f64 = r#"{"type":"number","format":"double"}"#
);
plain_records!(Bool: bool = r#"{"type":"boolean"}"#);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip<T: Record + PartialEq + fmt::Debug>(value: &T) {
        let mut bytes = Vec::new();
        value.encode(&mut bytes);
        assert_eq!(T::decode(&bytes).as_ref(), Ok(value));
    }

    proptest! {
        #[test]
        fn encoded_values_round_trip(i: i64, u: u128, f in proptest::num::f64::NORMAL, b: bool, s: String, v: Vec<u8>) {
            round_trip(&i);
            round_trip(&u);
            round_trip(&f);
            round_trip(&b);
            round_trip(&Json((s.clone(), i)));
            round_trip(&s);
            round_trip(&v);
        }
    }

    #[test]
    fn a_shape_names_its_schema_in_a_word() {
        assert_eq!(
            [i64::shape(), bool::shape(), String::shape()].map(|shape| shape.to_string()),
            ["int64", "boolean", "text"]
        );
    }

    #[test]
    fn messages_have_no_control_characters_and_are_cut() {
        assert_eq!(i64::decode(b"\x1b[2J").unwrap_err(), r#"expected i64, found "\u{1b}[2J""#);
        assert!(i64::decode(&[b'x'; 1 << 20]).unwrap_err().len() < 100);
    }
}
