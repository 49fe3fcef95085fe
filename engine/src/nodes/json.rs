//! Parts of JSON records, with their bytes as they are.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::graph;
use crate::record::{LONGEST, shorten};
use crate::text::json_reason;

/// Which part of a JSON value: a field or an item, or one of its own parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Item(usize),
}

impl Path {
    /// A field's name, or a JSON pointer (RFC 6901) if it begins with a slash.
    pub(crate) fn parse(text: &str) -> Self {
        let Some(pointer) = text.strip_prefix('/') else { return Self(vec![Step::Field(text.to_owned())]) };
        Self(pointer.split('/').map(|step| Step::Field(step.replace("~1", "/").replace("~0", "~"))).collect())
    }

    pub(crate) fn item(item: usize) -> Self {
        Self(vec![Step::Item(item)])
    }

    /// The part of a record, as its JSON stands there.
    pub(crate) fn of<'a>(&self, record: &'a [u8]) -> Result<&'a str, String> {
        let mut part = text(record)?;
        for step in &self.0 {
            part = step.of(part)?;
        }
        Ok(part)
    }
}

impl graph::Key<Vec<u8>> for Path {
    fn write(&self, record: &[u8], key: &mut Vec<u8>) -> Result<(), String> {
        key.extend_from_slice(canonical(self.of(record)?).as_bytes());
        Ok(())
    }
}

impl Step {
    fn of<'a>(&self, value: &'a str) -> Result<&'a str, String> {
        let missing = |what: String| format!("{} has no {what}", shorten(value.as_bytes()));
        let is_list = value.trim_ascii_start().starts_with('[');
        let item = match self {
            Self::Item(item) => Some(*item),
            Self::Field(name) if is_list => name.parse().ok(),
            Self::Field(_) => None,
        };
        if let Some(item) = item.filter(|_| is_list) {
            return items(value)?.get(item).copied().ok_or_else(|| missing(format!("item {item}")));
        }
        let name = match self {
            Self::Item(item) => return Err(missing(format!("item {item}"))),
            Self::Field(name) => name,
        };
        let field = || missing(format!("field {}", shorten(name.as_bytes())));
        if !value.trim_ascii_start().starts_with('{') {
            check(value)?;
            return Err(field());
        }
        let fields: HashMap<Cow<str>, &RawValue> =
            serde_json::from_str(value).map_err(|error| json_reason(&error, 0))?;
        fields.get(name.as_str()).map(|part| part.get()).ok_or_else(field)
    }
}

/// A JSON value in a form that is the same however its texts are escaped and its fields are ordered. Numbers
/// stay as they are written.
pub(crate) fn canonical(value: &str) -> Cow<'_, str> {
    if value.trim_ascii_start().starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return Cow::Borrowed(value.trim_ascii());
    }
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'"' | b'_' | b'-' | b' ' | b'/' | b':');
    if value.bytes().all(plain) {
        return Cow::Borrowed(value);
    }
    let parsed = serde_json::from_str::<serde_json::Value>(value);
    parsed.map_or(Cow::Borrowed(value), |parsed| Cow::Owned(parsed.to_string()))
}

/// The items of an array, as their JSON stands there.
pub(crate) fn items(value: &str) -> Result<Vec<&str>, String> {
    if !value.trim_ascii_start().starts_with('[') {
        check(value)?;
        return Err(format!("{} is no array", shorten(value.as_bytes())));
    }
    let items: Vec<&RawValue> = serde_json::from_str(value).map_err(|error| json_reason(&error, 0))?;
    Ok(items.into_iter().map(RawValue::get).collect())
}

/// A record's text.
pub(crate) fn text(record: &[u8]) -> Result<&str, String> {
    str::from_utf8(record).map_err(|_| format!("{} is not UTF-8", shorten(record)))
}

/// Makes sure that a text is one JSON value.
pub(crate) fn check(value: &str) -> Result<(), String> {
    let checked = serde_json::from_str::<IgnoredAny>(value);
    let reason = |error| format!("{} is not JSON: {}", shorten(value.as_bytes()), json_reason(&error, 0));
    checked.map(drop).map_err(reason)
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> Vec<u8> {
    serde_json::to_vec(text).expect("a string is JSON")
}

/// The bytes that a value takes in an array: a comma or a bracket is after it.
pub(crate) fn in_array(value: &[u8]) -> usize {
    value.len() + 1
}

/// What the values of an array may take, so that it is not longer than a record may be.
pub(crate) const MOST_IN_ARRAY: usize = LONGEST - 1;

/// A record that was made of others, unless it would be longer than a record may be.
pub(crate) fn whole(record: Vec<u8>) -> Result<Vec<u8>, String> {
    if record.len() <= LONGEST { Ok(record) } else { Err(graph::too_long(LONGEST)) }
}

/// JSON values as an array.
pub(crate) fn array<T: AsRef<[u8]>>(values: impl IntoIterator<Item = T>) -> Vec<u8> {
    let mut array = vec![b'['];
    for (number, value) in values.into_iter().enumerate() {
        if number > 0 {
            array.push(b',');
        }
        array.extend_from_slice(value.as_ref());
    }
    array.push(b']');
    array
}

/// Whether a record counts as false: null, false, 0, and a text, list or object with nothing in it. What is
/// not JSON is true, unless it is empty.
pub(crate) fn is_falsy(record: &[u8]) -> bool {
    let value = record.trim_ascii();
    match value {
        b"" | b"null" | b"false" | b"\"\"" => true,
        [b'[' | b'{', inside @ .., b']' | b'}'] => inside.trim_ascii().is_empty(),
        [b'-' | b'0', ..] => serde_json::from_slice::<f64>(value).is_ok_and(|number| number == 0.0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(path: &str, record: &str) -> Result<String, String> {
        Path::parse(path).of(record.as_bytes()).map(str::to_owned)
    }

    #[test]
    fn a_part_keeps_its_bytes() {
        assert_eq!(
            part("a", r#"{"b":1, "a": {"z":1.0,"y":"\u00e9"} }"#).unwrap(),
            r#"{"z":1.0,"y":"\u00e9"}"#
        );
        assert_eq!(part("/a/1/b~1c", r#"{"a":[0,{"b/c":7}]}"#).unwrap(), "7");
        assert_eq!(Path::item(1).of(b"[1, 22 ,3]").unwrap(), "22");
        assert_eq!(part("é", r#"{"\u00e9":1}"#).unwrap(), "1");
    }

    #[test]
    fn a_missing_part_is_named() {
        assert_eq!(part("a", "{}").unwrap_err(), r#""{}" has no field "a""#);
        assert_eq!(part("a", "5").unwrap_err(), r#""5" has no field "a""#);
        assert_eq!(Path::item(3).of(b"[1]").unwrap_err(), r#""[1]" has no item 3"#);
        assert!(part("a", "nonsense").unwrap_err().contains("is not JSON"));
        assert!(part("a", "{\"a\":1").is_err() && items("5").is_err());
    }

    #[test]
    fn a_key_is_equal_in_any_notation() {
        let same = |one: &str, other: &str| assert_eq!(canonical(one), canonical(other), "{one}");
        same(r#""a b""#, r#""a\u0020b""#);
        same(r#"{"b":[1, 2],"a":null}"#, r#"{"a": null, "b": [1,2]}"#);
        assert_ne!(canonical("1"), canonical("\"1\""));
    }

    #[test]
    fn empty_values_are_falsy() {
        for falsy in ["", "0", "-0.0", "0e5", "null", "false", "\"\"", "[ ]", "{}", " 0 "] {
            assert!(is_falsy(falsy.as_bytes()), "{falsy:?}");
        }
        for truthy in ["1", "true", "[0]", "{\"a\":0}", "\"0\"", "zero", "-", "0x", "\u{e9}"] {
            assert!(!is_falsy(truthy.as_bytes()), "{truthy:?}");
        }
    }
}
