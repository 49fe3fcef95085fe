//! `${NAME}` and `${NAME:-default}` in the strings of a pipeline file: variables of the environment.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::nodes::Report;

/// What a variable is, if it is set.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The most variables within defaults of others.
const MOST_WITHIN: usize = 16;

/// Puts variables into all strings of a table. Keys stay as they are.
pub(super) fn fill(table: &mut DeTable<'_>, lookup: Lookup, report: &mut Report) {
    for (_, value) in table.iter_mut() {
        fill_value(value, lookup, report);
    }
}

fn fill_value(value: &mut Spanned<DeValue<'_>>, lookup: Lookup, report: &mut Report) {
    let span = value.span();
    match value.get_mut() {
        DeValue::String(text) if text.contains("${") => {
            *text = Cow::Owned(filled(text, lookup, &span, report));
        }
        DeValue::Array(items) => items.iter_mut().for_each(|item| fill_value(item, lookup, report)),
        DeValue::Table(table) => fill(table, lookup, report),
        _ => {}
    }
}

/// A text with its variables; `$${` stands for `${`. What is wrong is reported, each mistake once.
fn filled(text: &str, lookup: Lookup, span: &Range<usize>, report: &mut Report) -> String {
    let mut filler = Filler { lookup, mistakes: Vec::new(), unset: Vec::new() };
    let mut rest = text;
    let filled = filler.fill(&mut rest, 0);
    for (message, help) in filler.mistakes.into_iter().chain(filler.unset) {
        report.add_once(span.clone(), message, Some(help));
    }
    filled
}

struct Filler<'a> {
    lookup: Lookup<'a>,
    /// What is wrong, and what would be right.
    mistakes: Vec<(String, String)>,
    /// The same of variables that have no value.
    unset: Vec<(String, String)>,
}

impl Filler<'_> {
    fn mistake(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.mistakes.push((message.into(), help.into()));
    }

    /// The text up to its end, or up to the brace that closes the variable whose default it is.
    fn fill(&mut self, rest: &mut &str, within: usize) -> String {
        let mut filled = String::new();
        loop {
            let next = rest.find(|c: char| c == '$' || (within > 0 && c == '}')).unwrap_or(rest.len());
            let (before, found) = rest.split_at(next);
            filled += before;
            *rest = found;
            if let Some(escaped) = rest.strip_prefix("$${") {
                filled += "${";
                *rest = escaped;
            } else if let Some(variable) = rest.strip_prefix("${") {
                *rest = variable;
                filled += &self.variable(rest, within);
            } else if let Some(dollar) = rest.strip_prefix('$') {
                filled.push('$');
                *rest = dollar;
            } else {
                return filled;
            }
        }
    }

    /// The value of the variable that begins after its `${`. Its closing brace is read too.
    fn variable(&mut self, rest: &mut &str, within: usize) -> String {
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let (name, after) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
        *rest = after;
        let mut default = None;
        if let Some(begun) = after.strip_prefix(":-").filter(|_| within < MOST_WITHIN) {
            *rest = begun;
            let known = self.unset.len();
            default = Some(self.fill(rest, within + 1));
            // A default that is not needed may name what is not set.
            if self.value(name, true).is_some() {
                self.unset.truncate(known);
            }
        }
        let Some(end) = rest.strip_prefix('}') else {
            self.no_variable(name, rest, within);
            *rest = rest.find('}').map_or("", |end| &rest[end + 1..]);
            return String::new();
        };
        *rest = end;
        if name.is_empty() {
            self.mistake("a variable without a name", "write ${NAME}, or $${ for the characters themselves");
            return String::new();
        }
        self.value(name, default.is_some()).or(default).unwrap_or_else(|| {
            let help = format!("set it, or give a default: ${{{name}:-default}}");
            self.unset.push((format!("the variable {name} is not set"), help));
            String::new()
        })
    }

    /// What a variable is. An empty one counts as none if it has a default.
    fn value(&self, name: &str, has_default: bool) -> Option<String> {
        (self.lookup)(name).filter(|value| !has_default || !value.is_empty())
    }

    /// Says what is wrong with a variable that does not end after its name or its default.
    fn no_variable(&mut self, name: &str, rest: &str, within: usize) {
        let Some(end) = rest.find('}') else {
            // Those around it have none either.
            if !rest.is_empty() || self.mistakes.is_empty() {
                let help = "write ${NAME}, or $${ for the characters themselves";
                self.mistake("a variable without its closing brace", help);
            }
            return;
        };
        if within >= MOST_WITHIN {
            let message = format!("more than {MOST_WITHIN} variables within one another");
            return self.mistake(message, "give fewer defaults");
        }
        let written = &rest[..end];
        let message = format!("${{{name}{written}}} is not a variable");
        let alike =
            written.strip_prefix([':', '-']).or(written.strip_prefix('=')).filter(|_| !name.is_empty());
        let default = alike.map(|default| default.trim_start_matches(['-', '=']));
        match default.filter(|default| !default.starts_with(['+', '?'])) {
            Some(default) => self.mistake(message, format!("did you mean ${{{name}:-{default}}}?")),
            None => self.mistake(message, "write ${NAME} or ${NAME:-default}; $${ stands for the characters"),
        }
    }
}

#[cfg(test)]
mod tests {

    use std::path::Path;

    use super::*;

    fn with(text: &str) -> (String, String) {
        let mut report = Report::new(Path::new("x"), text);
        let lookup = |name: &str| match name {
            "HOME" => Some("/home/a".to_owned()),
            "RAW" => Some("${HOME}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let filled = filled(text, &lookup, &(0..1), &mut report);
        (filled, report.end().map_or_else(|found| found.to_string(), |()| String::new()))
    }

    #[test]
    fn variables_take_values_and_defaults() {
        let right = |text: &str, filled: &str| assert_eq!(with(text), (filled.to_owned(), String::new()));
        right("${HOME}/x ${NO:-y}${HOME:-z}", "/home/a/x y/home/a");
        right("[${EMPTY}] ${EMPTY:-e} ${NO:-}", "[] e ");
        right("$${HOME} $ {} $HOME }", "${HOME} $ {} $HOME }");
        // A value is not looked into.
        right("${RAW}", "${HOME}");
    }

    #[test]
    fn a_default_may_have_variables() {
        let right = |text: &str, filled: &str| assert_eq!(with(text), (filled.to_owned(), String::new()));
        right("${NO:-${HOME}}", "/home/a");
        right("${NO:-a${NONE:-b${HOME}c}d}e", "ab/home/acde");
        right("${NO:-$${HOME}}}", "${HOME}}");
        right("${HOME:-${NO}}", "/home/a");
        assert!(with("${NO:-${NONE}}").1.contains("the variable NONE is not set"));
        let deep = format!("{}x{}", "${NO:-".repeat(40), "}".repeat(40));
        assert!(!with(&deep).1.is_empty());
    }

    #[test]
    fn other_expansions_are_refused() {
        let wrong = |text: &str, said: &str| assert!(with(text).1.contains(said), "{text}: {}", with(text).1);
        wrong("${HOME:+d}", "${HOME:+d} is not a variable (write ${NAME} or ${NAME:-default}");
        wrong("${NO-d}", "${NO-d} is not a variable (did you mean ${NO:-d}?)");
        wrong("${NO:=d}", "${NO:=d} is not a variable (did you mean ${NO:-d}?)");
        wrong("${NO:?why}", "(write ${NAME} or ${NAME:-default}");
        wrong("${}", "a variable without a name");
        wrong("a ${HOME", "a variable without its closing brace");
        wrong("${NO}", "the variable NO is not set (set it, or give a default: ${NO:-default})");
    }
}
