//! Mistakes in a pipeline file: where they stand, and what would be right.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::nearest_of;
use crate::text::{self, PlainText};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Which bytes of the file it is about.
    pub span: Range<usize>,
    /// Its line, counted from 1.
    pub line: usize,
    /// The character in the line, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: PlainText,
    /// What would be right, if that can be told.
    pub help: Option<PlainText>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

/// All mistakes of a pipeline file, in the order in which they stand there.
///
/// Its text is a line for each, as compilers write them: `FILE:LINE:COLUMN: what is wrong (what to do)`.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    path: Arc<PathBuf>,
    text: Arc<str>,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What stands in it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Each of them.
    #[must_use]
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, diagnostic) in self.list.iter().enumerate() {
            let end = if number > 0 { "\n" } else { "" };
            let Diagnostic { line, column, .. } = diagnostic;
            write!(f, "{end}{}:{line}:{column}: {diagnostic}", text::path(&self.path))?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// What is wrong with a node, by the key of its table that it is about; with the table itself, if none is
/// named. It may be several things.
#[derive(Clone, Debug, Default)]
pub(crate) struct Problem {
    pub(crate) key: Vec<String>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    others: Vec<Self>,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    pub(crate) fn at(key: &str, message: impl Into<String>) -> Self {
        Self::new(message).about(&[key])
    }

    /// The same about another key.
    pub(crate) fn about(mut self, key: &[&str]) -> Self {
        self.key = key.iter().map(|part| (*part).to_owned()).collect();
        self
    }

    /// The values of all checks, or all problems that they found.
    pub(crate) fn collect<T>(checks: impl IntoIterator<Item = Result<T, Self>>) -> Result<Vec<T>, Self> {
        let (mut values, mut problem) = (Vec::new(), None::<Self>);
        for check in checks {
            match check {
                Ok(value) => values.push(value),
                Err(found) => {
                    problem = Some(match problem.take() {
                        Some(first) => first.and(found),
                        None => found,
                    });
                }
            }
        }
        problem.map_or(Ok(values), Err)
    }

    fn and(mut self, other: Self) -> Self {
        self.others.push(other);
        self
    }

    /// Each of the things that are wrong.
    pub(crate) fn each(mut self) -> Vec<Self> {
        let others = std::mem::take(&mut self.others);
        let mut all = vec![self];
        all.extend(others.into_iter().flat_map(Self::each));
        all
    }

    /// What is about the options of the node, whatever it takes from; none if nothing is.
    pub(crate) fn of_options(self) -> Result<(), Self> {
        let is_of_options = |problem: &Self| problem.key.first().is_some_and(|key| key != "from");
        Self::collect(self.each().into_iter().filter(is_of_options).map(Err::<(), _>)).map(drop)
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Mistakes that were found so far in a file.
pub(crate) struct Report {
    path: Arc<PathBuf>,
    text: Arc<str>,
    found: Vec<(Range<usize>, String, Option<String>)>,
}

impl Report {
    pub(crate) fn new(path: &Path, text: &str) -> Self {
        Self { path: Arc::new(path.to_owned()), text: text.into(), found: Vec::new() }
    }

    pub(crate) fn text(&self) -> Arc<str> {
        self.text.clone()
    }

    pub(crate) fn add(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.found.push((span, message.into(), help));
    }

    /// Adds those about whose bytes nothing was said yet: one mistake often leads to another.
    pub(crate) fn add_first(&mut self, mut mistakes: Vec<(Range<usize>, String, Option<String>)>) {
        mistakes.retain(|(span, ..)| !self.found.iter().any(|(known, ..)| known == span));
        self.found.extend(mistakes);
    }

    /// The same, unless just that was said.
    pub(crate) fn add_once(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        if !self.found.iter().any(|(known, said, _)| *known == span && *said == message) {
            self.add(span, message, help);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All that was found, if anything was.
    pub(crate) fn end(self) -> Result<(), Diagnostics> {
        if self.found.is_empty() { Ok(()) } else { Err(self.diagnostics()) }
    }

    /// All that was found.
    pub(crate) fn diagnostics(mut self) -> Diagnostics {
        self.found.sort_by_key(|(span, ..)| (span.start, span.end));
        self.found.dedup();
        let located = self.found.into_iter().map(|(span, message, help)| {
            let (line, column) = place(&self.text, span.start);
            let help = help.map(Into::into);
            Diagnostic { span, line, column, message: message.into(), help }
        });
        Diagnostics { list: located.collect(), path: self.path, text: self.text }
    }
}

/// The line and the character of a byte, counted from 1.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..byte.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
}

/// `did you mean x?`, or what there is.
pub(crate) fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.into_iter().collect();
    match nearest_of(name, known.iter().copied()) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None if known.is_empty() => "it takes none".to_owned(),
        None if known.len() == 1 => format!("there is only {}", known[0]),
        None => format!("there are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        assert_eq!([0, 2, 3, 5].map(|byte| place("aé\nbc", byte)), [(1, 1), (1, 3), (1, 3), (2, 2)]);
        assert_eq!(place("", 7), (1, 1));
    }
}
