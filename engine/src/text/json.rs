//! JSON that a terminal shows as text.

use std::borrow::Cow;
use std::fmt::Write;

use super::characters::{Look, look};

/// Why a text is not JSON, or not the JSON that is wanted. `before` is how many columns of its line were left out.
///
/// A record is one line, so only its column tells something.
pub(crate) fn json_reason(error: &serde_json::Error, before: usize) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(reason) if error.line() == 1 => format!("{reason} at column {}", error.column() + before),
        _ => text,
    }
}

/// The same JSON, in which what a terminal would obey or hide is escaped.
///
/// ```
/// assert_eq!(engine::text::escape_json("\"\u{202e}\u{e0041}\""), r#""\u202e\udb40\udc41""#);
/// ```
#[must_use]
pub fn escape_json(json: &str) -> Cow<'_, str> {
    let stays = |c: char| c == '\n' || matches!(look(c), Look::Shown | Look::Mark);
    if json.chars().all(stays) {
        return json.into();
    }
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if stays(c) {
            escaped.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    escaped.into()
}
