//! A node's table, and its options read from it with all mistakes at once.

use std::ops::Range;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, Deserializer};

use super::diagnostic::{Report, meant};

/// A table of the file, which knows where it stands.
#[derive(Clone)]
pub(crate) struct Table<'i> {
    pub(crate) name: String,
    /// Of its name.
    pub(crate) span: Range<usize>,
    pub(crate) entries: DeTable<'i>,
}

impl<'i> Table<'i> {
    pub(crate) fn new(name: &str, span: Range<usize>, entries: DeTable<'i>) -> Self {
        Self { name: name.to_owned(), span, entries }
    }

    pub(crate) fn empty(name: &str) -> Self {
        Self::new(name, 0..0, DeTable::new())
    }

    /// Where the value of a key stands, as far as there is one.
    pub(crate) fn span_of(&self, key: &[String]) -> Range<usize> {
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
    pub(crate) fn split(&self, keys: &[&str]) -> (Self, Self) {
        let (mut others, mut those) =
            (Self::new(&self.name, self.span.clone(), DeTable::new()), self.clone());
        those.entries.clear();
        for (key, value) in self.entries.clone() {
            let table = if keys.contains(&&**key.get_ref()) { &mut those } else { &mut others };
            table.entries.insert(key, value);
        }
        (others, those)
    }

    /// Takes an entry out, if it is there.
    pub(crate) fn take(&mut self, key: &str) -> Option<(Spanned<DeString<'i>>, Spanned<DeValue<'i>>)> {
        let position = self.entries.keys().position(|known| known.get_ref() == key)?;
        take(&mut self.entries, position)
    }

    /// Reads the options, and reports each that is wrong.
    pub(crate) fn options<O: DeserializeOwned + JsonSchema>(&self, report: &mut Report) -> Option<O> {
        let schema = schema_of::<O>();
        let mut entries = self.entries.clone();
        let known = self.leave_known(&mut entries, &schema, report);
        let complete = self.has_required(&entries, &schema, report);
        self.read(entries, known && complete, report)
    }

    /// Removes unknown options, and reports them. Returns whether there were none.
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

/// A sentence as it goes on after a colon.
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

/// Takes an entry out of a table.
pub(crate) fn take<'i>(
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
