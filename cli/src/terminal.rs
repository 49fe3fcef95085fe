//! What the command writes for people and scripts: the one place where text gets to a terminal.
//!
//! Text of others is harmless by its type where it is made; here it is made harmless once more, so that what was
//! forgotten there forges no line and moves no cursor.

use std::fmt::{Arguments, Display};
use std::io::{self, Write};

use engine::text::{escape_json, plain, plain_lines};

/// A line has no more characters.
const LINE: usize = 10_000;

/// Writes a line to stderr. Nobody may be reading there, which is no reason to fail.
pub(crate) fn tell(line: Arguments) {
    let _ = writeln!(io::stderr(), "{}", plain(&line.to_string(), LINE));
}

/// The same with several lines.
pub(crate) fn tell_lines(lines: &impl Display) {
    let _ = writeln!(io::stderr(), "{}", plain_lines(&lines.to_string(), LINE));
}

/// The same with JSON for scripts.
pub(crate) fn tell_json(json: &serde_json::Value) {
    let _ = writeln!(io::stderr(), "{}", escape_json(&json.to_string()));
}

/// The same with what a renderer has coloured, which was given harmless text.
pub(crate) fn tell_coloured(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes lines to stdout.
pub(crate) fn print(lines: &impl Display) -> io::Result<()> {
    io::stdout().write_all(plain_lines(&lines.to_string(), usize::MAX).as_bytes())
}

/// The same with JSON for scripts.
pub(crate) fn print_json(json: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{}", escape_json(json))
}
