//! `${NAME}` and `${NAME:-default}` in the strings of a pipeline file: variables of the environment.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::nodes::Report;

/// What a variable is, if it is set.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

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

/// A text with its variables; `$${` stands for `${`.
fn filled(text: &str, lookup: Lookup, span: &Range<usize>, report: &mut Report) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some(found) = rest.find("${") {
        let (before, variable) = rest.split_at(found);
        if let Some(escaped) = before.strip_suffix('$') {
            filled += escaped;
            filled += "${";
            rest = &variable[2..];
            continue;
        }
        filled += before;
        let Some(end) = variable.find('}') else {
            let help = "write ${NAME}, or $${ for the characters themselves".to_owned();
            report.add(span.clone(), "a variable without its closing brace", Some(help));
            return filled;
        };
        let (name, default) = match variable[2..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&variable[2..end], None),
        };
        match lookup(name).filter(|value| default.is_none() || !value.is_empty()) {
            Some(value) => filled += &value,
            None => match default {
                Some(default) => filled += default,
                None => {
                    let help = format!("set it, or give a default: ${{{name}:-default}}");
                    report.add(span.clone(), format!("the variable {name} is not set"), Some(help));
                }
            },
        }
        rest = &variable[end + 1..];
    }
    filled + rest
}

#[cfg(test)]
mod tests {

    use std::path::Path;

    use super::*;

    fn with(text: &str) -> (String, bool) {
        let mut report = Report::new(Path::new("x"), text);
        let lookup = |name: &str| match name {
            "HOME" => Some("/home/a".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let filled = filled(text, &lookup, &(0..1), &mut report);
        (filled, report.is_empty())
    }

    #[test]
    fn variables_take_values_and_defaults() {
        assert_eq!(with("${HOME}/x ${NO:-y}${HOME:-z}"), ("/home/a/x y/home/a".into(), true));
        assert_eq!(with("[${EMPTY}] ${EMPTY:-e} ${NO:-}"), ("[] e ".into(), true));
        assert_eq!(with("$${HOME} $ {} $HOME"), ("${HOME} $ {} $HOME".into(), true));
        assert!(!with("${NO}").1 && !with("a ${HOME").1);
    }
}
