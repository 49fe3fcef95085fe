//! What is said of a record that can't be read.

use crate::failure::Failure;

/// The most characters of a record that a message repeats.
const LONGEST: usize = 60;

/// The failure of a record that is not what the function expects. A stream may be full of them,
/// so it takes one allocation, and no formatting.
#[cold]
#[inline(never)]
pub(crate) fn undecodable(expected: &str, record: &[u8]) -> Failure {
    // A character has at most 4 bytes: one more than is shown tells whether there are more.
    let head = &record[..record.len().min(4 * (LONGEST + 1))];
    let mut message = String::with_capacity(expected.len() + head.len() + 24);
    message.push_str("expected ");
    message.push_str(expected);
    message.push_str(", found \"");
    let text = String::from_utf8_lossy(head);
    let mut characters = text.chars();
    for character in characters.by_ref().take(LONGEST) {
        match character {
            ' '..='~' => message.push(character),
            _ => message.extend(character.escape_debug()),
        }
    }
    message.push_str(if characters.next().is_some() { "…\"" } else { "\"" });
    Failure::unread(message)
}
