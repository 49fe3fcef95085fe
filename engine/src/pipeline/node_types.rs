//! Which type a node has, as its table says, or which it was meant to have.

use std::ops::Range;

use toml::de::DeValue;

use super::registry;
use crate::error::nearest_of;
use crate::nodes::{FaultOptions, NodeType, Report, Section, Table};

/// Words that other tools have for types of nodes.
const OTHER_WORDS: [(&str, &str); 23] = [
    ("aggregate", "reduce"),
    ("batch", "partition"),
    ("chunk", "partition"),
    ("count", "reduce"),
    ("debounce", "rate_limit"),
    ("dedup", "unique"),
    ("deduplicate", "unique"),
    ("distinct", "unique"),
    ("explode", "flatten"),
    ("group_by", "group"),
    ("join", "zip"),
    ("jsonl", "ndjson"),
    ("limit", "slice"),
    ("merge", "union"),
    ("parallel", "scatter"),
    ("scan", "accumulate"),
    ("select", "pluck"),
    ("split", "flat_map"),
    ("sum", "reduce"),
    ("take", "slice"),
    ("throttle", "rate_limit"),
    ("transform", "map"),
    ("window", "sliding_window"),
];

/// The type of a node, whose `type` is taken out of its table; by its name, if there is none. A wrong one is reported,
/// and the one that was meant is given, so that the node's options are checked too.
pub(super) fn of(section: Section, table: &mut Table, report: &mut Report) -> Option<&'static NodeType> {
    if let Some((_, value)) = table.take("type") {
        return named(section, value.get_ref(), value.span(), report);
    }
    let near = table.entries.keys().find(|key| near_type(key.get_ref())).map(|key| key.get_ref().to_string());
    if let Some((key, value)) = near.and_then(|key| table.take(&key)) {
        let message = format!("{} has no option {}", table.name, key.get_ref());
        report.add(key.span(), message, Some("did you mean type?".to_owned()));
        return named(section, value.get_ref(), value.span(), report);
    }
    let (name, kinds) = (&table.name, registry::of(section));
    let of = |name: &str| kinds.iter().copied().find(|kind| kind.name == name);
    if let Some(kind) = of(name) {
        return Some(kind);
    }
    let nearest = nearest_of(name, kinds.iter().map(|kind| kind.name));
    let nearest = nearest.and_then(|nearest| of(&nearest));
    let help = match (elsewhere(section, name), nearest) {
        (Some(elsewhere), _) => elsewhere,
        (None, Some(nearest)) => format!("did you mean {}?", nearest.name),
        (None, None) => by_options(section, table),
    };
    report.add(table.span.clone(), format!("{name} has no type"), Some(help));
    nearest
}

/// Whether a key was meant to be `type`.
fn near_type(key: &str) -> bool {
    key == "kind" || nearest_of(key, ["type"]).is_some()
}

/// The type of this name.
fn named(
    section: Section,
    value: &DeValue,
    span: Range<usize>,
    report: &mut Report,
) -> Option<&'static NodeType> {
    let kinds = registry::of(section);
    let Some(name) = value.as_str() else {
        let help = format!("as in type = {:?}", kinds[0].name);
        report.add(span, "a type is a text".to_owned(), Some(help));
        return None;
    };
    if let Some(kind) = kinds.iter().copied().find(|kind| kind.name == name) {
        return Some(kind);
    }
    let meant = meant(&kinds, name);
    let help = match (elsewhere(section, name), meant) {
        (Some(elsewhere), _) => elsewhere,
        (None, Some(meant)) => format!("did you mean {}?", meant.name),
        (None, None) => examples(section),
    };
    report.add(span, format!("there is no {} of type {name:?}", section.singular()), Some(help));
    meant
}

/// The type that a word was meant to name.
fn meant(kinds: &[&'static NodeType], word: &str) -> Option<&'static NodeType> {
    let of = |name: &str| kinds.iter().copied().find(|kind| kind.name == name);
    let word = word.to_lowercase().replace('-', "_");
    let near = nearest_of(&word, kinds.iter().map(|kind| kind.name));
    let other = OTHER_WORDS.iter().find(|(other, _)| *other == word).map(|(_, name)| *name);
    let parts = kinds
        .iter()
        .map(|kind| kind.name)
        .find(|name| name.split('_').any(|part| part == word) || word.split('_').any(|part| part == *name));
    near.as_deref().and_then(of).or_else(|| other.and_then(of)).or_else(|| parts.and_then(of))
}

/// Says that a type is one of another section, if it is.
fn elsewhere(section: Section, name: &str) -> Option<String> {
    let mut others = Section::ALL.into_iter().filter(|other| *other != section);
    let other = others.find(|other| registry::of(*other).iter().any(|kind| kind.name == name))?;
    Some(format!("{name} is a type of {}: it belongs in [{}]", other.singular(), other.table()))
}

fn examples(section: Section) -> String {
    let kinds = registry::of(section);
    let first: Vec<_> = kinds.iter().take(4).map(|kind| kind.name).collect();
    format!("some types are {}; the guide lists all", first.join(", "))
}

/// The types that have all options of a table.
fn by_options(section: Section, table: &Table) -> String {
    let fits = |kind: &&NodeType| {
        let known = |key: &str| {
            key == "from" || (kind.refuses && FaultOptions::KEYS.contains(&key)) || kind.has_option(key)
        };
        table.entries.keys().all(|key| known(key.get_ref()))
    };
    let has_options = table.entries.keys().any(|key| key.get_ref() != "from");
    let kinds = registry::of(section);
    let fitting: Vec<_> = kinds.iter().copied().filter(|kind| has_options && fits(kind)).collect();
    match fitting.as_slice() {
        [] => format!("give it one, as in type = {:?}; {}", kinds[0].name, examples(section)),
        [kind] => format!("give it one: type = {:?}, which has these options", kind.name),
        [first, rest @ ..] => {
            let others: Vec<_> = rest.iter().take(4).map(|kind| kind.name).collect();
            let others = others.join(", ");
            format!("give it one, as in type = {:?}; these options fit {others} too", first.name)
        }
    }
}
