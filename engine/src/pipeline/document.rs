//! From a file's text to the tables of its nodes.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::environment::{self, Lookup};
use super::node::NodeDescription;
use super::registry;
use crate::nodes::{NodeType, Report, Section, Table, meant, take};

/// The tables of settings, beside those of nodes.
const SETTINGS: [&str; 3] = ["pool", "limits", "faults"];

/// The longest name that a node may have.
const LONGEST_NAME: usize = 64;

/// A pipeline file, as far as it could be read.
pub(super) struct Document<'i> {
    /// In the order of the file.
    pub(super) nodes: Vec<NodeDescription<'i>>,
    pub(super) pool: Table<'i>,
    pub(super) limits: Table<'i>,
    pub(super) faults: Table<'i>,
    /// Some of it could not be read: what is missing may be there.
    pub(super) broken: bool,
    /// Where mistakes stand that are about the file as a whole.
    pub(super) start: Range<usize>,
}

/// Reads a file's text. What is wrong is reported, and left out; nothing is there if it is no TOML.
pub(super) fn read<'i>(text: &'i str, lookup: Lookup, report: &mut Report) -> Option<Document<'i>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        report.add(error.span().unwrap_or(0..0), format!("this is not TOML: {}", error.message()), None);
    }
    if !errors.is_empty() {
        return None;
    }
    let mut document = document.into_inner();
    environment::fill(&mut document, lookup, report);
    let mut read = Document {
        nodes: Vec::new(),
        pool: Table::empty("pool"),
        limits: Table::empty("limits"),
        faults: Table::empty("faults"),
        broken: !report.is_empty(),
        start: 0..text.find('\n').unwrap_or(text.len()),
    };
    for (key, value) in document {
        let (span, name) = (key.span(), key.into_inner().into_owned());
        let section = Section::ALL.into_iter().find(|section| section.table() == name);
        let known = section.is_some() || SETTINGS.contains(&name.as_str());
        if !known {
            let known = Section::ALL.map(Section::table).into_iter().chain(SETTINGS);
            report.add(span, format!("there is no table [{name}] here"), Some(meant(&name, known)));
            read.broken = true;
            continue;
        }
        let DeValue::Table(table) = value.into_inner() else {
            report.add(span, format!("{name} must be a table: write [{name}]"), None);
            read.broken = true;
            continue;
        };
        match section {
            Some(section) => {
                let all = table.len();
                let nodes = nodes(section, table, report);
                read.broken |= nodes.len() < all;
                read.nodes.extend(nodes);
            }
            None => {
                let table = Table::new(&name, span, table);
                match name.as_str() {
                    "pool" => read.pool = table,
                    "limits" => read.limits = table,
                    _ => read.faults = table,
                }
            }
        }
    }
    read.nodes.sort_by_key(|node| node.span().start);
    Some(read)
}

/// The nodes of a section.
fn nodes<'i>(section: Section, table: DeTable<'i>, report: &mut Report) -> Vec<NodeDescription<'i>> {
    let mut nodes = Vec::new();
    for (key, value) in table {
        let (span, name) = (key.span(), key.into_inner().into_owned());
        if let Some(reason) = bad_name(&name) {
            report.add(span.clone(), format!("a node can't be named {name:?}: {reason}"), None);
        }
        let DeValue::Table(mut table) = value.into_inner() else {
            let message = format!("{name} must be a table: write [{}.{name}]", section.table());
            report.add(span, message, None);
            continue;
        };
        let kind = kind(section, &name, &span, &mut table, report);
        nodes.push(NodeDescription::new(section, kind, Table::new(&name, span, table), report));
    }
    nodes
}

fn bad_name(name: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(plain) {
        return Some("names have letters, digits, _ and -");
    }
    (name.len() > LONGEST_NAME).then_some("it is too long")
}

/// What kind of node a table is: as its `type` says, or its name.
fn kind(
    section: Section,
    name: &str,
    span: &Range<usize>,
    table: &mut DeTable,
    report: &mut Report,
) -> Option<&'static NodeType> {
    let kinds = registry::of(section);
    let find = |name: &str| kinds.iter().copied().find(|kind| kind.name == name);
    let names = || kinds.iter().map(|kind| kind.name);
    let position = table.keys().position(|key| key.get_ref() == "type");
    let Some((_, value)) = position.and_then(|position| take(table, position)) else {
        return find(name).or_else(|| {
            let help = elsewhere(section, name).unwrap_or_else(|| meant(name, names()));
            report.add(
                span.clone(),
                format!("{name} has no type"),
                Some(format!("give it one, as in type = \"{}\"; {help}", kinds[0].name)),
            );
            None
        });
    };
    let span = value.span();
    let DeValue::String(text) = value.get_ref() else {
        report.add(span, "a type is a text", Some(meant("", names())));
        return None;
    };
    find(text).or_else(|| {
        let help = elsewhere(section, text).unwrap_or_else(|| meant(text, names()));
        report.add(span, format!("there is no {} of type {text:?}", section.singular()), Some(help));
        None
    })
}

/// Says that a type is one of another section, if it is.
fn elsewhere(section: Section, name: &str) -> Option<String> {
    let mut others = Section::ALL.into_iter().filter(|other| *other != section);
    let other = others.find(|other| registry::of(*other).iter().any(|kind| kind.name == name))?;
    Some(format!("{name} is a type of {}: it belongs in [{}]", other.singular(), other.table()))
}
