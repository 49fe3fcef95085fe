//! Makes untrusted text harmless, so that you can show it on a terminal or in a log.
//!
//! File names, messages of functions, and replies of servers and workers may hold anything: escape sequences for a
//! terminal, newlines that forge a line of the log, characters that hide or reorder others. [`plain()`] returns
//! one harmless line, [`plain_lines()`] several, and [`PlainText`] is text that is known to be one.

// Untrusted text becomes `PlainText` where it enters a structure; what the command writes goes through `plain` again.

mod characters;
mod json;
mod plain;

pub use json::escape_json;
pub(crate) use json::json_reason;
#[cfg(feature = "cluster")]
pub(crate) use plain::MOST_SHORT;
pub use plain::{PlainText, path, plain, plain_lines, same_length};
pub(crate) use plain::{is_plain, short};
