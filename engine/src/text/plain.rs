//! Texts of one harmless line.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::characters::{Look, look};

/// The most characters of a [`PlainText`].
const MOST: usize = 5000;

/// The most characters of a function's message.
const SHORT: usize = 300;

/// The most bytes of such a message, with what tells that it was cut.
#[cfg(feature = "cluster")]
pub(crate) const MOST_SHORT: usize = 4 * (SHORT + 1);

/// Combining marks on one character at most: more would cover the lines above and below.
const MARKS: usize = 4;

/// Untrusted text as one harmless line of at most 5000 characters.
///
/// Any text becomes one, and none holds what a terminal obeys: no controls, line separators, direction marks, tags
/// or invisible characters. So it is shown, written into a log and put into JSON as it is, also if it was read from
/// JSON or came over a network.
///
/// ```
/// use engine::text::PlainText;
///
/// assert_eq!(PlainText::from("no\r\n\u{1b}[2Jengine: done"), "no  \u{fffd}[2Jengine: done");
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct PlainText(Box<str>);

impl PlainText {
    /// The same of a function's message: 300 characters at most.
    pub(crate) fn short(text: impl Into<String>) -> Self {
        Self::cut(text.into(), SHORT)
    }

    fn cut(text: String, most: usize) -> Self {
        match plain(&text, most) {
            Cow::Borrowed(_) => Self(text.into()),
            Cow::Owned(shown) => Self(shown.into()),
        }
    }

    /// Its characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns a text as one harmless line of at most `most` characters. Line breaks and tabs become spaces, hidden
/// characters become `\u{fffd}`, and `…` marks the end of what was cut.
///
/// ```
/// assert_eq!(engine::text::plain("a\tb\u{202e}c", 10), "a b\u{fffd}c");
/// assert_eq!(engine::text::plain("longer", 4), "long…");
/// ```
#[must_use]
pub fn plain(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.into();
    }
    let mut shown = String::new();
    // A mark at the beginning would join what stands before the text.
    let mut marks = MARKS;
    for (place, c) in text.chars().enumerate() {
        if place == most {
            shown.push('…');
            break;
        }
        let look = look(c);
        marks = if look == Look::Mark { marks + 1 } else { 0 };
        match look {
            Look::Shown => shown.push(c),
            Look::Mark if marks <= MARKS => shown.push(c),
            Look::Mark if place > 0 => {}
            Look::Space => shown.push(' '),
            Look::Mark | Look::Hidden => shown.push(char::REPLACEMENT_CHARACTER),
        }
    }
    shown.into()
}

/// The same of each line of a text that may have several.
#[must_use]
pub fn plain_lines(text: &str, most: usize) -> String {
    let lines: Vec<_> = text.split('\n').map(|line| plain(line, most)).collect();
    lines.join("\n")
}

/// A text in which `?`, `¿`, `\u{fffd}` and `\u{fffd}?` stand for what is not to be shown, so that each character
/// stays where it was, in bytes. Newlines and tabs stay.
#[must_use]
pub fn same_length(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match (look(c), c.len_utf8()) {
            (Look::Shown | Look::Mark, _) => shown.push(c),
            (Look::Space, 1) if matches!(c, '\n' | '\t') => shown.push(c),
            (Look::Space, 1) => shown.push(' '),
            (_, 1) => shown.push('?'),
            (_, 2) => shown.push('¿'),
            (_, 3) => shown.push(char::REPLACEMENT_CHARACTER),
            _ => shown.extend([char::REPLACEMENT_CHARACTER, '?']),
        }
    }
    shown.into()
}

/// A path as text: others may have chosen the names in it.
#[must_use]
pub fn path(path: &Path) -> PlainText {
    path.to_string_lossy().into()
}

/// An untrusted part of an error's text, cut short.
pub(crate) fn short(text: &str) -> Cow<'_, str> {
    plain(text, SHORT)
}

/// Whether a text is shown as it is.
pub(crate) fn is_plain(text: &str) -> bool {
    plain(text, MOST) == text
}

impl From<String> for PlainText {
    fn from(text: String) -> Self {
        Self::cut(text, MOST)
    }
}

impl From<&str> for PlainText {
    fn from(text: &str) -> Self {
        Self(plain(text, MOST).into())
    }
}

impl From<&String> for PlainText {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Cow<'_, str>> for PlainText {
    fn from(text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<PlainText> for String {
    fn from(text: PlainText) -> Self {
        text.0.into()
    }
}

impl<'de> Deserialize<'de> for PlainText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Into::into)
    }
}

impl Deref for PlainText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for PlainText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for PlainText {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for PlainText {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for PlainText {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl PartialEq<String> for PlainText {
    fn eq(&self, other: &String) -> bool {
        *self.0 == **other
    }
}

impl fmt::Display for PlainText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for PlainText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What no line may hold, written down apart from the code that sees to it.
    fn harms(c: char) -> bool {
        c.is_control()
            || matches!(c,
                '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e01ef}')
    }

    #[test]
    fn no_character_can_control_the_terminal() {
        for c in '\0'..=char::MAX {
            for text in [c.to_string(), format!("a{c}b"), format!("{c}{c}{c}{c}{c}{c}{c}")] {
                let shown = PlainText::from(text);
                assert!(!shown.chars().any(harms) && shown.lines().count() == 1, "{c:?}: {shown:?}");
                assert_eq!(PlainText::from(shown.as_str()), shown, "{c:?}");
            }
            let kept = format!("{c}b");
            assert_eq!(same_length(&kept).len(), kept.len(), "{c:?}");
            assert!(!same_length(&kept).chars().any(|c| harms(c) && c != '\n' && c != '\t'), "{c:?}");
        }
    }

    #[test]
    fn combining_marks_cannot_cover_other_lines() {
        assert_eq!(plain("e\u{301}", 9), "e\u{301}");
        let zalgo = format!("e{}f", "\u{301}".repeat(100));
        assert_eq!(plain(&zalgo, 200), format!("e{}f", "\u{301}".repeat(MARKS)));
        assert_eq!(plain("\u{301}e", 9), "\u{fffd}e");
    }

    #[test]
    fn text_in_all_languages_is_kept() {
        for text in ["größer", "漢字", "Ελλάδα", "עברית", "हिन्दी", "한국어", "→ … ✓", "😀"]
        {
            assert_eq!(plain(text, 99), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_becomes_one_printable_line(text in any::<String>(), most in 1_usize..50) {
            let shown = plain(&text, most);
            prop_assert!(!shown.chars().any(harms) && shown.chars().count() <= most + 1);
            prop_assert_eq!(plain(&shown, most), shown.as_ref());
        }
    }
}
