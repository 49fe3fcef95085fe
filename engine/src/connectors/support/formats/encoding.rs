//! Recognizes the encoding of text by its first bytes.

/// What some programs write before UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// The text without the byte order mark that it may begin with.
pub(in crate::connectors) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// Whether what begins with these bytes is text in UTF-16: a byte order mark, and a character of ASCII.
pub(in crate::connectors) fn is_utf16(first: &[u8]) -> bool {
    matches!(first, [0xff, 0xfe, 1..=0x7f, 0, ..] | [0xfe, 0xff, 0, 1..=0x7f, ..])
}
