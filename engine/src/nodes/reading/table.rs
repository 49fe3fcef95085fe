//! A node's table, and its options read from it with all mistakes at once.

use std::cell::RefCell;
use std::ops::Range;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value as Schema;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::choices::{at, choices, meaning, required};
use super::mistake::{Mistake, Step, Wrong};
use super::value::{Unknown, Value, to_json};
use crate::error::nearest_of;
use crate::nodes::diagnostic::{Report, meant};
use crate::record::shorten;

/// The most mistakes of one table that are reported.
const MOST_MISTAKES: usize = 100;

/// A table of the file, which knows where it stands.
#[derive(Clone)]
pub(crate) struct Table<'i> {
    pub(crate) name: String,
    /// Of its name.
    pub(crate) span: Range<usize>,
    pub(crate) entries: DeTable<'i>,
    /// Keys that it may have beside its options: they are read elsewhere.
    others: Vec<&'static str>,
}

impl<'i> Table<'i> {
    pub(crate) fn new(name: &str, span: Range<usize>, entries: DeTable<'i>) -> Self {
        Self { name: name.to_owned(), span, entries, others: Vec::new() }
    }

    pub(crate) fn empty(name: &str) -> Self {
        Self::new(name, 0..0, DeTable::new())
    }

    /// The same that may have had these keys too, which were taken out.
    pub(crate) fn beside(mut self, others: &[&'static str]) -> Self {
        self.others.extend(others);
        self
    }

    /// Where the value of a key, or an item of it by its index, stands, as far as there is one.
    pub(crate) fn span_of(&self, key: &[String]) -> Range<usize> {
        let Some((first, rest)) = key.split_first() else { return self.span.clone() };
        let Some(mut value) = entry(&self.entries, first) else { return self.span.clone() };
        for part in rest {
            let found = match value.get_ref() {
                DeValue::Table(entries) => entry(entries, part),
                DeValue::Array(items) => part.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => None,
            };
            let Some(part) = found else { break };
            value = part;
        }
        value.span()
    }

    /// Some entries apart from the others.
    pub(crate) fn split(&self, keys: &[&'static str]) -> (Self, Self) {
        let (mut others, mut those) = (self.clone().beside(keys), self.clone());
        others.entries.clear();
        those.entries.clear();
        for (key, value) in self.entries.clone() {
            let table = if keys.contains(&&**key.get_ref()) { &mut those } else { &mut others };
            table.entries.insert(key, value);
        }
        (others, those)
    }

    /// A hash of all entries, which is another one if an option has another value.
    pub(crate) fn hash(&self) -> String {
        let whole = Spanned::new(self.span.clone(), DeValue::Table(self.entries.clone()));
        let json = to_json(&whole).map(|json| json.to_string()).unwrap_or_default();
        blake3::hash(json.as_bytes()).to_hex().to_string()
    }

    /// Takes an entry out, if it is there.
    pub(crate) fn take(&mut self, key: &str) -> Option<(Spanned<DeString<'i>>, Spanned<DeValue<'i>>)> {
        let position = self.entries.keys().position(|known| known.get_ref() == key)?;
        take(&mut self.entries, position)
    }

    /// Reads the options, and reports all that is wrong with them.
    ///
    /// What can't be read is reported and taken out, and the rest is read again, until nothing is wrong.
    pub(crate) fn options<O: DeserializeOwned + JsonSchema>(&self, report: &mut Report) -> Option<O> {
        let mut reading = Reading { table: self, schema: schema_of::<O>(), meant: Vec::new(), report };
        let mut value = Spanned::new(self.span.clone(), DeValue::Table(self.entries.clone()));
        let mut right = true;
        for _ in 0..MOST_MISTAKES {
            let unknown = RefCell::default();
            let read = O::deserialize(Value::new(&value, &self.name, &unknown));
            right &= unknown.borrow().is_empty();
            unknown.into_inner().iter().for_each(|unknown| reading.unknown(unknown));
            let mistake = match read {
                Ok(options) => return right.then_some(options),
                Err(mistake) => mistake,
            };
            right = false;
            let path = mistake.path();
            reading.mistake(&mistake, &path);
            if !remove(value.get_mut(), &path) {
                return None;
            }
        }
        None
    }
}

/// Options that are being read, and what is reported of them.
struct Reading<'a, 'i> {
    table: &'a Table<'i>,
    schema: Schema,
    /// The options that unknown keys were meant to be.
    meant: Vec<String>,
    report: &'a mut Report,
}

impl Reading<'_, '_> {
    fn unknown(&mut self, Unknown { span, table, key, known }: &Unknown) {
        let others = if *table == self.table.name { &self.table.others[..] } else { &[] };
        let nearest = nearest_of(key, known.iter().chain(others).copied());
        self.meant.extend(nearest.clone());
        let help = match nearest {
            Some(nearest) => format!("did you mean {nearest}?"),
            None if known.is_empty() => "it has none".to_owned(),
            None => meant(key, known.iter().copied()),
        };
        self.report.add_once(span.clone(), format!("{table} has no option {key}"), Some(help));
    }

    fn mistake(&mut self, mistake: &Mistake, path: &[Step]) {
        let span = mistake.span.clone().unwrap_or_else(|| self.table.span.clone());
        let schema = at(&self.schema, path);
        if let Wrong::Missing(name) = mistake.wrong {
            let named: Vec<_> = schema.into_iter().flat_map(required).map(str::to_owned).collect();
            let names = if named.is_empty() { vec![name.to_owned()] } else { named };
            let missing = names.into_iter().filter(|name| self.is_missing(path, name));
            for name in missing.collect::<Vec<_>>() {
                self.missing(&span, path, &name);
            }
            return;
        }
        let key = keys(path);
        let meaning = schema.and_then(meaning).map(|meaning| format!("{key}: {meaning}"));
        let (message, help) = match &mistake.wrong {
            Wrong::Choice { word, found } => {
                let choices = schema.map(choices).unwrap_or_default();
                let nearest = word.as_ref().and_then(|word| nearest_choice(word, &choices));
                let help = nearest.map(|nearest| format!("did you mean {nearest}?"));
                (format!("expected {}, found {found}", one_of(&choices)), help)
            }
            Wrong::Unexpected { expected, found } => {
                // Some types say already what they are for.
                let help = meaning.filter(|_| PLAIN.contains(&expected.as_str()));
                (format!("expected {expected}, found {found}"), help)
            }
            Wrong::NoList { words } => {
                let found = shorten(words.as_bytes());
                (format!("expected a list, found {found}"), Some(format!("write {}", list(words))))
            }
            Wrong::Missing(_) | Wrong::Unreadable => ("this value does not fit".to_owned(), meaning),
        };
        self.report.add_once(span, format!("{key}: {message}"), help);
    }

    /// Whether an option was not written, at all.
    fn is_missing(&self, path: &[Step], name: &str) -> bool {
        let path: Vec<_> = path.iter().cloned().chain([Step::Key(name.to_owned())]).collect();
        let mut entries = Some(&self.table.entries);
        for step in &path {
            let Step::Key(key) = step else { return true };
            let Some(value) = entries.and_then(|entries| entry(entries, key)) else { return true };
            entries = value.get_ref().as_table();
        }
        false
    }

    fn missing(&mut self, span: &Range<usize>, path: &[Step], name: &str) {
        let way: Vec<_> = path.iter().cloned().chain([Step::Key(name.to_owned())]).collect();
        let help = at(&self.schema, &way).and_then(meaning).map(|meaning| format!("{name}: {meaning}"));
        if self.meant.iter().any(|meant| meant == name) {
            return;
        }
        let owner = if path.is_empty() { self.table.name.clone() } else { keys(path) };
        self.report.add_once(span.clone(), format!("{owner} needs the option {name}"), help);
    }
}

/// What is expected of values whose meaning only the option knows.
const PLAIN: [&str; 5] = ["a text", "a number", "a list", "true or false", "a table, as { name = … }"];

/// The keys of a path.
fn keys(path: &[Step]) -> String {
    let keys = path.iter().filter_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Item(_) => None,
    });
    keys.collect::<Vec<_>>().join(".")
}

/// The choices, as in `"a", "b" or "c"`.
fn one_of(choices: &[String]) -> String {
    match choices {
        [] => "another value".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The choice whose word is near another word.
fn nearest_choice<'c>(word: &str, choices: &'c [String]) -> Option<&'c String> {
    let plain =
        |choice: &'c String| choice.trim_matches(['"', '{', '}', ' ']).split(' ').next().unwrap_or_default();
    let nearest = nearest_of(word, choices.iter().map(plain))?;
    choices.iter().find(|choice| plain(choice) == nearest)
}

/// A text's words as a list.
fn list(text: &str) -> String {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty()).take(8);
    let words: Vec<_> = words.map(|word| shorten(word.as_bytes())).collect();
    format!("[{}]", words.join(", "))
}

/// The schema of options, with all that it refers to in its place.
fn schema_of<O: JsonSchema>() -> Schema {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    settings.into_generator().into_root_schema_for::<O>().to_value()
}

/// The value of a key.
fn entry<'t, 'i>(entries: &'t DeTable<'i>, key: &str) -> Option<&'t Spanned<DeValue<'i>>> {
    entries.iter().find(|(known, _)| known.get_ref() == key).map(|(_, value)| value)
}

/// Takes an entry out of a table.
fn take<'i>(
    table: &mut DeTable<'i>,
    position: usize,
) -> Option<(Spanned<DeString<'i>>, Spanned<DeValue<'i>>)> {
    let mut taken = None;
    let entries = std::mem::take(table);
    for (place, (key, value)) in entries.into_iter().enumerate() {
        if place == position {
            taken = Some((key, value));
        } else {
            table.insert(key, value);
        }
    }
    taken
}

fn is_empty(value: &DeValue) -> bool {
    value.as_table().is_some_and(DeTable::is_empty)
}

/// Removes the part of a value to which a path leads. False if that is the value itself.
fn remove(value: &mut DeValue, path: &[Step]) -> bool {
    match (path, value) {
        ([Step::Key(last)], DeValue::Table(table)) => {
            let position = table.keys().position(|key| key.get_ref() == last);
            position.and_then(|position| take(table, position)).is_some()
        }
        ([Step::Item(last)], DeValue::Array(items)) => {
            let others = items.clone().into_iter().enumerate().filter(|(index, _)| index != last);
            *items = others.map(|(_, item)| item).collect();
            true
        }
        ([Step::Key(first), rest @ ..], DeValue::Table(table)) => {
            let Some(position) = table.keys().position(|key| key.get_ref() == first) else { return false };
            let Some((_, part)) = table.iter_mut().nth(position) else { return false };
            let removed = remove(part.get_mut(), rest);
            // What is left of a word with its value means nothing.
            if is_empty(part.get_ref()) {
                take(table, position);
            }
            removed
        }
        ([Step::Item(first), rest @ ..], DeValue::Array(items)) => {
            let removed = items.get_mut(*first).is_some_and(|part| remove(part.get_mut(), rest));
            let others = items.clone().into_iter().filter(|item| !is_empty(item.get_ref()));
            *items = others.collect();
            removed
        }
        _ => false,
    }
}
