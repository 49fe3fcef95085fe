//! Which node takes from which: the graph that the nodes of a file make.

use std::collections::HashMap;
use std::ops::Range;

use super::document::Document;
use super::node::{NodeDescription, NodeInput};
use crate::nodes::{Report, Section, Takes, meant};

/// The inputs of a node, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Inputs {
    /// Other nodes, by their places in the file.
    pub(super) nodes: Vec<usize>,
    /// Values among them, by their places.
    pub(super) literals: Vec<(usize, String)>,
    /// Not all could be found.
    pub(super) incomplete: bool,
}

impl Inputs {
    fn incomplete() -> Self {
        Self { incomplete: true, ..Self::default() }
    }

    /// How many there are, with literals.
    fn len(&self) -> usize {
        self.nodes.len() + self.literals.len()
    }
}

/// The edges of a graph without cycles.
pub(super) struct Edges {
    /// Of each node.
    pub(super) inputs: Vec<Inputs>,
    /// All nodes, each after those that it takes from, and otherwise in the order of the file.
    pub(super) order: Vec<usize>,
}

/// Finds the edges, and reports those that can't be.
pub(super) fn find(document: &Document, report: &mut Report) -> Edges {
    let nodes = &document.nodes;
    let places = places(nodes, report);
    if !document.broken {
        check_sections(document, report);
    }
    let mut finder = Finder { nodes, places, report };
    let inputs: Vec<_> = (0..nodes.len()).map(|place| finder.inputs_of(place)).collect();
    // A node whose input was not found may have been meant to take from one of the others.
    if !document.broken && !inputs.iter().any(|inputs| inputs.incomplete) {
        check_outputs(nodes, &inputs, report);
    }
    let order = order(nodes, &inputs, report);
    Edges { inputs, order }
}

/// The places of nodes by their names, of which each may come once.
fn places<'n>(nodes: &'n [NodeDescription], report: &mut Report) -> HashMap<&'n str, usize> {
    let mut places = HashMap::new();
    for (place, node) in nodes.iter().enumerate() {
        if let Some(first) = places.insert(node.name(), place) {
            let before = &report.text()[..nodes[first].span().start];
            let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
            let kind = node.kind.map_or("…", |kind| kind.name);
            let help = format!("the other one is in line {line}: rename one, with type = \"{kind}\"");
            report.add(node.span().clone(), format!("there are two nodes named {}", node.name()), Some(help));
        }
    }
    places
}

/// Reports a file without sources or sinks.
fn check_sections(document: &Document, report: &mut Report) {
    for (section, what) in [(Section::Sources, "nothing comes in"), (Section::Sinks, "nothing comes out")] {
        if !document.nodes.iter().any(|node| node.section == section) {
            let help = format!("add one, as [{}.{}]", section.table(), super::registry::of(section)[0].name);
            let message = format!("there is no {}: {what}", section.singular());
            report.add(document.start.clone(), message, Some(help));
        }
    }
}

/// Reports nodes from which no other node takes.
fn check_outputs(nodes: &[NodeDescription], inputs: &[Inputs], report: &mut Report) {
    for (place, node) in nodes.iter().enumerate().filter(|(_, node)| node.gives()) {
        if !inputs.iter().any(|inputs| inputs.nodes.contains(&place)) {
            let help = format!("add a sink with from = {:?}, or remove it", node.name());
            report.add(node.span().clone(), format!("no node takes from {}", node.name()), Some(help));
        }
    }
}

/// Finds the inputs of nodes, and reports those that can't be.
struct Finder<'a, 'i> {
    nodes: &'a [NodeDescription<'i>],
    /// The places of nodes by their names.
    places: HashMap<&'a str, usize>,
    report: &'a mut Report,
}

impl Finder<'_, '_> {
    fn inputs_of(&mut self, place: usize) -> Inputs {
        let node = &self.nodes[place];
        match &node.from {
            _ if node.section == Section::Sources => Inputs::default(),
            _ if node.astray => Inputs::incomplete(),
            None => self.unnamed(node, place),
            Some(from) => self.named(node, from),
        }
    }

    /// The input of a node that names none: the node before it.
    fn unnamed(&mut self, node: &NodeDescription, place: usize) -> Inputs {
        let name = node.name();
        let (message, help) = match self.nodes[..place].iter().rposition(NodeDescription::gives) {
            _ if takes(node) == Takes::Several => {
                (format!("{name} joins several nodes, and names none"), WRITE_SEVERAL)
            }
            Some(before) => return Inputs { nodes: vec![before], ..Inputs::default() },
            None => {
                let help = "put a source before it, or write from = \"NAME\"";
                (format!("{name} has no node before it to take from"), help)
            }
        };
        self.report.add(node.span().clone(), message, Some(help.to_owned()));
        Inputs::incomplete()
    }

    /// The inputs that a node names.
    fn named(&mut self, node: &NodeDescription, from: &[(Range<usize>, NodeInput)]) -> Inputs {
        let mut inputs = Inputs::default();
        for (span, input) in from {
            match input {
                NodeInput::Literal(literal) if takes(node) == Takes::Several => {
                    inputs.literals.push((inputs.len(), literal.clone()));
                }
                NodeInput::Literal(_) => {
                    let message = format!("{} takes no literal", node.name());
                    self.report.add(span.clone(), message, Some("zip and combine_latest do".to_owned()));
                    inputs.incomplete = true;
                }
                NodeInput::Node(name) => match self.find(node, span, name) {
                    Some(found) => inputs.nodes.push(found),
                    None => inputs.incomplete = true,
                },
            }
        }
        if !inputs.incomplete {
            self.check_number(node, from, &mut inputs);
        }
        inputs
    }

    /// The place of a node that another one names.
    fn find(&mut self, node: &NodeDescription, span: &Range<usize>, name: &str) -> Option<usize> {
        let (message, help) = match self.places.get(name) {
            Some(found) if self.nodes[*found].gives() => return Some(*found),
            Some(_) => {
                let message = format!("{name} is a sink: nothing comes out of it");
                (message, "take from the node before it".to_owned())
            }
            None => {
                let is_known = |other: &&NodeDescription| other.gives() && other.name() != node.name();
                let known = self.nodes.iter().filter(is_known).map(NodeDescription::name);
                (format!("there is no node named {name}"), meant(name, known))
            }
        };
        self.report.add(span.clone(), message, Some(help));
        None
    }

    /// Reports a node that takes from too few or too many.
    fn check_number(
        &mut self,
        node: &NodeDescription,
        from: &[(Range<usize>, NodeInput)],
        inputs: &mut Inputs,
    ) {
        let (name, found) = (node.name(), inputs.len());
        let some = match takes(node) {
            Takes::Several if found >= 2 && !inputs.nodes.is_empty() => return,
            Takes::One if found == 1 => return,
            Takes::OneOrTwo if matches!(found, 1 | 2) => return,
            Takes::Several => None,
            Takes::One => Some("one"),
            Takes::OneOrTwo => Some("one or two"),
        };
        let (message, help) = match some {
            None => (format!("{name} joins several nodes, and takes from only one"), WRITE_SEVERAL),
            Some(some) => {
                let help = "put a union, a zip or a combine_latest between";
                (format!("{name} takes from {some}, not from {found}"), help)
            }
        };
        let span = from.first().zip(from.last()).map(|(first, last)| first.0.start..last.0.end);
        self.report.add(span.unwrap_or_else(|| node.span().clone()), message, Some(help.to_owned()));
        inputs.incomplete = true;
    }
}

const WRITE_SEVERAL: &str = "write from = [\"one\", \"other\"]";

fn takes(node: &NodeDescription) -> Takes {
    node.kind.map_or(Takes::One, |kind| kind.takes)
}

/// An order in which each node comes after those that it takes from. A cycle is reported with the names of its nodes,
/// which are left out.
fn order(nodes: &[NodeDescription], inputs: &[Inputs], report: &mut Report) -> Vec<usize> {
    let mut order = Vec::with_capacity(nodes.len());
    let mut ready = vec![false; nodes.len()];
    let is_ready = |ready: &[bool], place: usize| inputs[place].nodes.iter().all(|input| ready[*input]);
    while let Some(next) = (0..nodes.len()).find(|place| !ready[*place] && is_ready(&ready, *place)) {
        ready[next] = true;
        order.push(next);
    }
    if let Some(first) = ready.iter().position(|ready| !ready) {
        report_cycle(nodes, inputs, &ready, first, report);
    }
    order
}

/// Reports the cycle that is found by going back from a node without an order.
fn report_cycle(
    nodes: &[NodeDescription],
    inputs: &[Inputs],
    ready: &[bool],
    first: usize,
    report: &mut Report,
) {
    // Each node that is left takes from one that is left: going back leads into a cycle.
    let before = |place: usize| inputs[place].nodes.iter().copied().find(|input| !ready[*input]);
    let mut way = vec![first];
    while let Some(next) = way.last().copied().and_then(before) {
        if let Some(begin) = way.iter().position(|place| *place == next) {
            let mut names: Vec<_> = way[begin..].iter().rev().map(|place| nodes[*place].name()).collect();
            names.push(nodes[way[way.len() - 1]].name());
            let help = "records would go around forever: take from a node outside".to_owned();
            let span = nodes[way[way.len() - 1]].span().clone();
            return report.add(span, format!("this is a cycle: {}", names.join(" → ")), Some(help));
        }
        way.push(next);
    }
}
