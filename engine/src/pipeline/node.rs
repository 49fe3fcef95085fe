//! A node's table, and its options read from it with all mistakes at once.

use std::ops::Range;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde::de::{Deserialize, Error as _};
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, Deserializer};

use super::diagnostic::{Problem, Report};
use super::document::{meant, take};
use super::kinds::{Kind, Section};

/// A table of the file, which knows where it stands.
#[derive(Clone)]
pub(super) struct Table<'i> {
    pub(super) name: String,
    /// Of its name.
    pub(super) span: Range<usize>,
    entries: DeTable<'i>,
}

impl<'i> Table<'i> {
    pub(super) fn new(name: &str, span: Range<usize>, entries: DeTable<'i>) -> Self {
        Self { name: name.to_owned(), span, entries }
    }

    pub(super) fn empty(name: &str) -> Self {
        Self::new(name, 0..0, DeTable::new())
    }

    /// Where the value of a key stands, as far as there is one.
    pub(super) fn span_of(&self, key: &[String]) -> Range<usize> {
        let (mut span, mut entries) = (self.span.clone(), Some(&self.entries));
        for part in key {
            let found = entries.and_then(|entries| entries.iter().find(|(key, _)| key.get_ref() == part));
            let Some((_, value)) = found else { break };
            span = value.span();
            entries = value.get_ref().as_table();
        }
        span
    }

    /// Some entries apart from the others.
    pub(super) fn split(&self, keys: &[&str]) -> (Self, Self) {
        let (mut others, mut those) =
            (Self::new(&self.name, self.span.clone(), DeTable::new()), self.clone());
        those.entries.clear();
        for (key, value) in self.entries.clone() {
            let table = if keys.contains(&&**key.get_ref()) { &mut those } else { &mut others };
            table.entries.insert(key, value);
        }
        (others, those)
    }

    /// Reads the options, and reports each that is wrong.
    pub(super) fn options<O: DeserializeOwned + JsonSchema>(&self, report: &mut Report) -> Option<O> {
        let schema = schema_of::<O>();
        let mut entries = self.entries.clone();
        let known = self.leave_known(&mut entries, &schema, report);
        let complete = self.has_required(&entries, &schema, report);
        self.read(entries, known && complete, report)
    }

    /// Takes options out that nobody knows, and reports them. False if there are any.
    fn leave_known(&self, entries: &mut DeTable<'i>, schema: &Value, report: &mut Report) -> bool {
        let known: Vec<_> = schema["properties"].as_object().into_iter().flat_map(|map| map.keys()).collect();
        let is_strange = |key: &Spanned<DeString>| !known.iter().any(|known| key.get_ref() == *known);
        let mut right = true;
        while let Some((key, _)) =
            entries.keys().position(is_strange).and_then(|position| take(entries, position))
        {
            let message = format!("{} has no option {}", self.name, key.get_ref());
            let help = match known.len() {
                0 => "it has none".to_owned(),
                _ => meant(key.get_ref(), known.iter().map(|known| known.as_str())),
            };
            report.add(key.span(), message, Some(help));
            right = false;
        }
        right
    }

    /// Reports options that are missing. False if there are any.
    fn has_required(&self, entries: &DeTable<'i>, schema: &Value, report: &mut Report) -> bool {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(|name| name.as_str());
        let mut right = true;
        for name in required.filter(|name| !entries.keys().any(|key| key.get_ref() == *name)) {
            let what = schema["properties"][name]["description"].as_str().unwrap_or_default();
            let what = what.lines().next().unwrap_or_default().trim_end_matches('.');
            let help = (!what.is_empty()).then(|| format!("{name}: {}", lower(what)));
            report.add(self.span.clone(), format!("{} needs the option {name}", self.name), help);
            right = false;
        }
        right
    }

    /// Reads values, and reports each that is wrong. `right` says that all options are there, and known.
    fn read<O: DeserializeOwned>(
        &self,
        mut entries: DeTable<'i>,
        mut right: bool,
        report: &mut Report,
    ) -> Option<O> {
        loop {
            let table = Spanned::new(self.span.clone(), entries.clone());
            let error = match O::deserialize(Deserializer::from(table)) {
                Ok(options) => return right.then_some(options),
                Err(error) => error,
            };
            let wrong = error.span().and_then(|span| {
                entries.iter().position(|(_, value)| {
                    let whole = value.span();
                    whole.start <= span.start && span.end <= whole.end
                })
            });
            // Without one of its options there is no other to be found wrong, or it was said above.
            let Some((key, value)) = wrong.and_then(|position| take(&mut entries, position)) else {
                if right {
                    // A table within it may stand under a heading of its own.
                    let span = error.span().unwrap_or_else(|| self.span.clone());
                    report.add(span, format!("{}: {}", self.name, error.message()), None);
                }
                return None;
            };
            let span = error.span().unwrap_or_else(|| value.span());
            report.add(span, format!("{}: {}", key.get_ref(), error.message()), None);
            right = false;
        }
    }
}

/// A sentence as it goes on behind a colon.
fn lower(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

/// The schema of options, with all that it refers to in its place.
fn schema_of<O: JsonSchema>() -> serde_json::Value {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    settings.into_generator().into_root_schema_for::<O>().to_value()
}

/// Whom a node takes from.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// A node.
    Node(String),
    /// The same value each time, as JSON.
    Literal(String),
}

/// A vertex of the graph, as it stands in the file.
#[derive(Clone)]
pub(super) struct Node<'i> {
    pub(super) section: Section,
    /// None if the file does not say it right.
    pub(super) kind: Option<&'static Kind>,
    pub(super) table: Table<'i>,
    /// From whom it says that it takes, and where; what stands before it, if it does not say.
    pub(super) from: Option<Vec<(Range<usize>, Input)>>,
    /// It does not say that right.
    pub(super) astray: bool,
}

impl<'i> Node<'i> {
    pub(super) fn new(
        section: Section,
        kind: Option<&'static Kind>,
        mut table: Table<'i>,
        report: &mut Report,
    ) -> Self {
        let position = table.entries.keys().position(|key| key.get_ref() == "from");
        let from = position.and_then(|position| take(&mut table.entries, position));
        let mut astray = false;
        let from = from.and_then(|(key, value)| {
            if section == Section::Sources {
                let help = Some("remove it, or make it a stage".to_owned());
                report.add(key.span(), format!("{} is a source: it takes from nobody", table.name), help);
                return None;
            }
            let inputs: Option<Vec<_>> = inputs(&value, report).into_iter().collect();
            astray = inputs.is_none();
            inputs
        });
        Self { section, kind, table, from, astray }
    }

    pub(super) fn name(&self) -> &str {
        &self.table.name
    }

    pub(super) fn span(&self) -> &Range<usize> {
        &self.table.span
    }

    pub(super) fn report(&self, problem: Problem, report: &mut Report) {
        let span = match (problem.key.as_slice(), &self.from) {
            ([key], Some(from)) if key == "from" => {
                from.first().zip(from.last()).map(|(first, last)| first.0.start..last.0.end)
            }
            _ => None,
        };
        let span = span.unwrap_or_else(|| self.table.span_of(&problem.key));
        let message = format!("{}: {}", self.name(), problem.message);
        report.add_first(span, message, problem.help);
    }

    /// Whether other nodes can take from it.
    pub(super) fn gives(&self) -> bool {
        self.section != Section::Sinks
    }
}

fn inputs(value: &Spanned<DeValue>, report: &mut Report) -> Vec<Option<(Range<usize>, Input)>> {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().map(|item| input(item, report)).collect(),
        _ => vec![input(value, report)],
    }
}

fn input(value: &Spanned<DeValue>, report: &mut Report) -> Option<(Range<usize>, Input)> {
    match value.get_ref() {
        DeValue::String(name) => return Some((value.span(), Input::Node(name.clone().into_owned()))),
        DeValue::Table(table) if table.len() == 1 => {
            let (key, value) = table.iter().next()?;
            if key.get_ref() == "literal" {
                return Some((value.span(), Input::Literal(literal(value).ok()?)));
            }
        }
        _ => {}
    }
    let help = "write a node's name, a list of them, or { literal = … }".to_owned();
    report.add(value.span(), "from does not name a node", Some(help));
    None
}

/// A value as JSON.
fn literal(value: &Spanned<DeValue>) -> Result<String, toml::de::Error> {
    let json = serde_json::Value::deserialize(toml::de::ValueDeserializer::from(value.clone()))?;
    serde_json::to_string(&json).map_err(toml::de::Error::custom)
}
