//! Which node takes from which: the graph that the nodes of a file make.

use std::collections::HashMap;

use super::document::Document;
use super::node::{Input, Node};
use crate::nodes::{Report, Section, Takes, meant};

/// The inputs of a node, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Inputs {
    /// Other nodes, by their places in the file.
    pub(super) nodes: Vec<usize>,
    /// Values that stand among them, by their places.
    pub(super) literals: Vec<(usize, String)>,
    /// Not all could be found.
    pub(super) incomplete: bool,
}

/// The edges of a graph without cycles.
pub(super) struct Edges {
    /// Of each node.
    pub(super) inputs: Vec<Inputs>,
    /// All nodes, each after those that it takes from, and otherwise as they stand in the file.
    pub(super) order: Vec<usize>,
}

/// Finds the edges, and reports those that can't be.
pub(super) fn find(document: &Document, report: &mut Report) -> Edges {
    let nodes = &document.nodes;
    let mut places = HashMap::new();
    for (place, node) in nodes.iter().enumerate() {
        if let Some(first) = places.insert(node.name(), place) {
            let line = |place: usize| {
                1 + report.text()[..nodes[place].span().start].bytes().filter(|byte| *byte == b'\n').count()
            };
            let kind = node.kind.map_or("…", |kind| kind.name);
            let help =
                format!("another one stands in line {}: rename one, with type = \"{kind}\"", line(first));
            report.add(node.span().clone(), format!("there are two nodes named {}", node.name()), Some(help));
        }
    }
    for (section, what) in [(Section::Sources, "nothing comes in"), (Section::Sinks, "nothing comes out")] {
        if !document.broken && !nodes.iter().any(|node| node.section == section) {
            let help = format!("add one, as [{}.{}]", section.table(), super::registry::of(section)[0].name);
            let message = format!("there is no {}: {what}", section.singular());
            report.add(document.start.clone(), message, Some(help));
        }
    }
    let inputs: Vec<_> = (0..nodes.len()).map(|place| inputs_of(nodes, place, &places, report)).collect();
    // A node whose input was not found may have been meant to take from it.
    let complete = !document.broken && !inputs.iter().any(|inputs| inputs.incomplete);
    for (place, node) in nodes.iter().enumerate().filter(|(_, node)| complete && node.gives()) {
        if !inputs.iter().any(|inputs| inputs.nodes.contains(&place)) {
            let help = format!("add a sink with from = {:?}, or remove it", node.name());
            report.add(node.span().clone(), format!("nobody takes what {} gives", node.name()), Some(help));
        }
    }
    let order = order(nodes, &inputs, report);
    Edges { inputs, order }
}

fn inputs_of(nodes: &[Node], place: usize, places: &HashMap<&str, usize>, report: &mut Report) -> Inputs {
    let node = &nodes[place];
    let mut inputs = Inputs::default();
    if node.section == Section::Sources {
        return inputs;
    }
    if node.astray {
        inputs.incomplete = true;
        return inputs;
    }
    let takes = node.kind.map_or(Takes::One, |kind| kind.takes);
    let joins = takes == Takes::Several;
    let Some(from) = &node.from else {
        if joins {
            let message = format!("{} brings streams together, and does not say which", node.name());
            report.add(node.span().clone(), message, Some("write from = [\"one\", \"other\"]".to_owned()));
            inputs.incomplete = true;
            return inputs;
        }
        match nodes[..place].iter().rposition(Node::gives) {
            Some(before) => inputs.nodes.push(before),
            None => {
                let message = format!("there is nothing before {} to take from", node.name());
                let help = "put a source before it, or write from = \"NAME\"".to_owned();
                report.add(node.span().clone(), message, Some(help));
                inputs.incomplete = true;
            }
        }
        return inputs;
    };
    for (span, input) in from {
        match input {
            Input::Literal(literal) if joins => {
                let place = inputs.nodes.len() + inputs.literals.len();
                inputs.literals.push((place, literal.clone()));
            }
            Input::Literal(_) => {
                let message = format!("{} takes no literal", node.name());
                report.add(span.clone(), message, Some("zip and combine_latest do".to_owned()));
                inputs.incomplete = true;
            }
            Input::Node(name) => match places.get(name.as_str()) {
                Some(found) if nodes[*found].gives() => inputs.nodes.push(*found),
                Some(_) => {
                    let message = format!("{name} is a sink: nothing comes out of it");
                    let help = "take from what stands before it".to_owned();
                    report.add(span.clone(), message, Some(help));
                    inputs.incomplete = true;
                }
                None => {
                    let known = nodes.iter().filter(|other| other.gives() && other.name() != node.name());
                    let help = meant(name, known.map(Node::name));
                    report.add(span.clone(), format!("there is no node named {name}"), Some(help));
                    inputs.incomplete = true;
                }
            },
        }
    }
    let span = || from.first().zip(from.last()).map_or(node.span().clone(), |(a, b)| a.0.start..b.0.end);
    let found = inputs.nodes.len() + inputs.literals.len();
    if joins && !inputs.incomplete && (inputs.nodes.is_empty() || found < 2) {
        let message = format!("{} brings streams together, and takes from only one", node.name());
        report.add(span(), message, Some("write from = [\"one\", \"other\"]".to_owned()));
        inputs.incomplete = true;
    }
    let most = if takes == Takes::One { 1 } else { 2 };
    if !joins && !(1..=most).contains(&found) && !inputs.incomplete {
        let some = if most == 1 { "one" } else { "one or two" };
        let message = format!("{} takes from {some}, not from {found}", node.name());
        let help = "put a union, a zip or a combine_latest between".to_owned();
        report.add(span(), message, Some(help));
        inputs.incomplete = true;
    }
    inputs
}

/// An order in which each node stands after those that it takes from. A cycle is reported, with the names on
/// it, and left out.
fn order(nodes: &[Node], inputs: &[Inputs], report: &mut Report) -> Vec<usize> {
    let mut order = Vec::with_capacity(nodes.len());
    let mut ready = vec![false; nodes.len()];
    let is_ready = |ready: &[bool], place: usize| inputs[place].nodes.iter().all(|input| ready[*input]);
    while let Some(next) = (0..nodes.len()).find(|place| !ready[*place] && is_ready(&ready, *place)) {
        ready[next] = true;
        order.push(next);
    }
    let Some(first) = ready.iter().position(|ready| !ready) else { return order };
    // Each node that is left takes from one that is left: going back leads into a cycle.
    let before = |place: usize| inputs[place].nodes.iter().copied().find(|input| !ready[*input]);
    let mut way = vec![first];
    while let Some(next) = way.last().copied().and_then(before) {
        if let Some(begin) = way.iter().position(|place| *place == next) {
            let mut names: Vec<_> = way[begin..].iter().rev().map(|place| nodes[*place].name()).collect();
            names.push(nodes[way[way.len() - 1]].name());
            let help = "records would go around for ever: take from a node outside".to_owned();
            let span = nodes[way[way.len() - 1]].span().clone();
            report.add(span, format!("this is a cycle: {}", names.join(" → ")), Some(help));
            break;
        }
        way.push(next);
    }
    order
}
