//! From a file's text to the tables of its nodes.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::environment::{self, Lookup};
use super::node::NodeDescription;
use super::node_types;
use crate::nodes::{Report, Section, Table, meant};
use crate::versions::PIPELINE_FILE;

/// The tables of settings, beside those of nodes.
const SETTINGS: [&str; 3] = ["pool", "limits", "faults"];

/// The key of the version of the format, beside the tables.
const VERSION: &str = "version";

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
    if let Some(Err((span, refusal))) = version(&document) {
        // What else it has, another version may read in another way.
        report.add(span, refusal, None);
        return None;
    }
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
        if name == VERSION {
            continue;
        }
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

/// Checks the version of the format that a file names, if it does.
fn version(document: &DeTable) -> Option<Result<(), (Range<usize>, String)>> {
    let (_, value) = document.iter().find(|(key, _)| key.get_ref() == VERSION)?;
    let number = value.get_ref().as_integer().and_then(|number| number.as_str().parse().ok());
    let checked = match number {
        Some(version) => PIPELINE_FILE.check(version),
        None => Err(format!("version: expected a whole number, as in version = {}", PIPELINE_FILE.written)),
    };
    Some(checked.map_err(|refusal| (value.span(), refusal)))
}

/// The nodes of a section.
fn nodes<'i>(section: Section, table: DeTable<'i>, report: &mut Report) -> Vec<NodeDescription<'i>> {
    let mut nodes = Vec::new();
    for (key, value) in table {
        let (span, name) = (key.span(), key.into_inner().into_owned());
        if let Some(reason) = bad_name(&name) {
            report.add(span.clone(), format!("a node can't be named {name:?}: {reason}"), None);
        }
        let DeValue::Table(table) = value.into_inner() else {
            let message = format!("{name} must be a table: write [{}.{name}]", section.table());
            report.add(span, message, None);
            continue;
        };
        let mut table = Table::new(&name, span, table).beside(&["type"]);
        let kind = node_types::of(section, &mut table, report);
        nodes.push(NodeDescription::new(section, kind, table, report));
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
