//! A node as the file describes it.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use crate::nodes::{NodeType, Problem, Report, Section, Table, to_json};

/// What a node takes from.
#[derive(Clone, Debug)]
pub(super) enum NodeInput {
    /// A node.
    Node(String),
    /// The same value each time, as JSON.
    Literal(String),
}

/// A node as the file describes it.
#[derive(Clone)]
pub(super) struct NodeDescription<'i> {
    pub(super) section: Section,
    /// None if the file names no type, or one that does not exist.
    pub(super) kind: Option<&'static NodeType>,
    pub(super) table: Table<'i>,
    /// The inputs that it names, and where; without a name it takes from the node before it in the file.
    pub(super) from: Option<Vec<(Range<usize>, NodeInput)>>,
    /// Its `from` is wrong.
    pub(super) astray: bool,
}

impl<'i> NodeDescription<'i> {
    pub(super) fn new(
        section: Section,
        kind: Option<&'static NodeType>,
        mut table: Table<'i>,
        report: &mut Report,
    ) -> Self {
        // Some sources have an option of this name.
        let is_option = section == Section::Sources && kind.is_some_and(|kind| kind.has_option("from"));
        let from = if is_option { None } else { table.take("from") };
        if section != Section::Sources {
            table = table.beside(&["from"]);
        }
        let mut astray = false;
        let from = from.and_then(|(key, value)| {
            if section == Section::Sources {
                let help = Some("remove it, or make it a stage".to_owned());
                report.add(key.span(), format!("{} is a source: it has no input", table.name), help);
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
        let located = problem.each().into_iter().map(|problem| {
            let message = format!("{}: {}", self.name(), problem.message);
            (self.span_of(&problem.key), message, problem.help)
        });
        report.add_first(located.collect());
    }

    /// Where the value of a key stands.
    fn span_of(&self, key: &[String]) -> Range<usize> {
        let from = self.from.as_ref().filter(|_| matches!(key, [key] if key == "from"));
        let ends = from.and_then(|from| from.first().zip(from.last()));
        ends.map_or_else(|| self.table.span_of(key), |(first, last)| first.0.start..last.0.end)
    }

    /// Whether other nodes can take from it.
    pub(super) fn gives(&self) -> bool {
        self.section != Section::Sinks
    }
}

fn inputs(value: &Spanned<DeValue>, report: &mut Report) -> Vec<Option<(Range<usize>, NodeInput)>> {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().map(|item| input(item, report)).collect(),
        _ => vec![input(value, report)],
    }
}

fn input(value: &Spanned<DeValue>, report: &mut Report) -> Option<(Range<usize>, NodeInput)> {
    match value.get_ref() {
        DeValue::String(name) => return Some((value.span(), NodeInput::Node(name.clone().into_owned()))),
        DeValue::Table(table) if table.len() == 1 => {
            let (key, value) = table.iter().next()?;
            if key.get_ref() == "literal" {
                return Some((value.span(), NodeInput::Literal(to_json(value)?.to_string())));
            }
        }
        _ => {}
    }
    let help = "write a node's name, a list of them, or { literal = … }".to_owned();
    report.add(value.span(), "from does not name a node", Some(help));
    None
}
