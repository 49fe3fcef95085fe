//! Text that others wrote, made harmless before anybody sees it.
//!
//! File names, messages of functions, answers of servers and what workers say may hold anything: sequences that a
//! terminal obeys, newlines that forge a line of the log, characters that hide or reorder others. Such text becomes
//! [`PlainText`] where it enters a structure, and every line that the command writes goes through [`plain`] once
//! more.

mod characters;
mod json;
mod plain;

pub use json::escape_json;
pub(crate) use plain::{MOST_SHORT, is_plain, short};
pub use plain::{PlainText, path, plain, plain_lines, same_length};
