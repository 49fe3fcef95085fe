//! The graph of a pipeline while it is built: a node after the other, each behind those that it takes from.

use std::collections::HashMap;
use std::sync::Arc;

use super::document::Document;
use super::edges::Edges;
use super::node::Node;
use crate::graph::MOST_IN_A_ROW;
use crate::nodes::{
    BuildContext, Bytes, Contents, FaultOptions, Feeding, Flow, NodeType, Problem, Read, Report, Section,
    Table,
};
use crate::{Monitor, Source};

/// The graph, as far as it is built.
pub(super) struct Graph {
    /// The monitor, and where each node stands there.
    monitor: Option<Monitor>,
    watched: HashMap<usize, usize>,
    /// What nodes give, with how it is to be read.
    flows: HashMap<usize, Given>,
    pub(super) sources: Vec<(String, Arc<Source<Bytes>>)>,
    pub(super) feeds: Vec<(Arc<Source<Bytes>>, Feeding)>,
}

struct Given {
    contents: Contents,
    /// Taken, if it was scattered: only one node can have it.
    flow: Option<Flow>,
}

/// A chain of nodes takes as much stack as it is long.
fn too_many() -> Problem {
    let problem = Problem::new("too many nodes in a row lead to it");
    problem.help(format!(
        "some have several parts, and there may be {MOST_IN_A_ROW} parts in a row: put what they do into fewer functions"
    ))
}

/// A node's table, without what all nodes have.
pub(super) struct Parts<'i> {
    pub(super) own: Table<'i>,
    pub(super) faults: FaultOptions,
}

impl<'i> Parts<'i> {
    pub(super) fn of(node: &Node<'i>, report: &mut Report) -> Option<Self> {
        let kind = node.kind?;
        let (own, faults) = match kind.refuses {
            true => node.table.split(&FaultOptions::KEYS),
            false => (node.table.clone(), Table::empty(node.name())),
        };
        let faults = faults.options(report)?;
        Some(Self { own, faults })
    }
}

impl Graph {
    pub(super) fn new(monitor: Option<Monitor>) -> Self {
        Self {
            monitor,
            watched: HashMap::new(),
            flows: HashMap::new(),
            sources: Vec::new(),
            feeds: Vec::new(),
        }
    }

    /// Puts a node into the graph, if it can be; reports what is wrong with it.
    pub(super) fn add(
        &mut self,
        document: &Document,
        edges: &Edges,
        place: usize,
        context: &mut BuildContext,
        report: &mut Report,
    ) {
        let node = &document.nodes[place];
        let Some(kind) = node.kind else { return };
        let Some(Parts { own, faults }) = Parts::of(node, report) else { return };
        let from = &edges.inputs[place];
        let taken_from = from.nodes.iter().map(|place| document.nodes[*place].name().to_owned()).collect();
        let literals = from.literals.iter().map(|(place, literal)| (*place, literal.clone().into_bytes()));
        let given = context.begin(node.name(), &faults, taken_from, literals.collect());
        if let Err(problem) = given {
            node.report(problem, report);
        }
        let inputs = match self.inputs(edges, place, document) {
            Ok(inputs) => inputs,
            Err(problem) => {
                node.report(problem, report);
                None
            }
        };
        let inputs = match inputs {
            Some(inputs) if inputs.iter().any(|input| input.depth() >= MOST_IN_A_ROW) => {
                node.report(too_many(), report);
                None
            }
            inputs => inputs,
        };
        // What is wrong before a node does not hide what is wrong with the node itself.
        let alone = inputs.is_none();
        let inputs = inputs.unwrap_or_else(|| vec![Flow::stand_in()]);
        let scope = self.begin(node, kind, &edges.inputs[place].nodes);
        let added = match &kind.read {
            Read::Source(read) => {
                let Some(options) = read(&own, report) else { return };
                context.says(|access| options.access(access));
                options.open(context).map(|(feeding, contents)| {
                    let (flow, watched) = self.source(node, kind, feeding, contents);
                    self.watched.extend(watched.map(|watched| (place, watched)));
                    Some(flow)
                })
            }
            Read::Stage(read) => {
                let Some(options) = read(&own, report) else { return };
                context.says(|access| options.access(access));
                options.attach(inputs, context).map(Some)
            }
            Read::Sink(read) => {
                let Some(options) = read(&own, report) else { return };
                context.says(|access| options.access(access));
                let input = inputs.into_iter().next().unwrap_or_else(Flow::stand_in);
                let input = input.while_read(&context.readers);
                options.attach(input, context).map(|()| None)
            }
        };
        self.end(place, scope);
        match added {
            Ok(Some(flow)) if !alone && flow.depth() > MOST_IN_A_ROW => node.report(too_many(), report),
            Ok(Some(mut flow)) if !alone => {
                if let Some(scope) = scope {
                    flow.stands_at(scope);
                }
                let contents = flow.contents().clone();
                self.flows.insert(place, Given { contents, flow: Some(flow) });
            }
            Ok(_) => {}
            Err(problem) if alone && !problem.is_of_options() => {}
            Err(problem) => node.report(problem, report),
        }
    }

    /// Tells the monitor of a stage or sink, of which all nodes until the end are a part.
    fn begin(&self, node: &Node, kind: &NodeType, inputs: &[usize]) -> Option<usize> {
        let graph = &self.monitor.as_ref()?.watch().graph;
        if node.section == Section::Sources {
            return None;
        }
        let place = graph.begin(node.name(), kind.name);
        let from: Vec<_> = inputs.iter().filter_map(|input| self.watched.get(input).copied()).collect();
        graph.link(&from, place);
        Some(place)
    }

    fn end(&mut self, place: usize, scope: Option<usize>) {
        if let (Some(monitor), Some(scope)) = (&self.monitor, scope) {
            monitor.watch().graph.end();
            self.watched.insert(place, scope);
        }
    }

    /// Adds a source. Returns where it stands for the monitor.
    fn source(
        &mut self,
        node: &Node,
        kind: &NodeType,
        feeding: Feeding,
        contents: Contents,
    ) -> (Flow, Option<usize>) {
        let mut source = Source::new();
        if let Some(monitor) = &self.monitor {
            source = source.monitored_as(monitor, node.name(), kind.name);
        }
        let watched = source.watched().and_then(|watched| watched.from.first().copied());
        let source = Arc::new(source);
        let flow = Flow::Local(source.stream(), contents);
        self.sources.push((node.name().to_owned(), source.clone()));
        self.feeds.push((source, feeding));
        (flow, watched)
    }

    /// What a node takes from; none if something is wrong before it.
    fn inputs(
        &mut self,
        edges: &Edges,
        place: usize,
        document: &Document,
    ) -> Result<Option<Vec<Flow>>, Problem> {
        let inputs = &edges.inputs[place];
        let mut flows = Vec::new();
        for input in &inputs.nodes {
            let Some(given) = self.flows.get_mut(input) else { return Ok(None) };
            match given.flow.take() {
                Some(Flow::Local(stream, contents)) => {
                    flows.push(Flow::Local(stream.branch(), contents.clone()));
                    given.flow = Some(Flow::Local(stream, contents));
                }
                Some(scattered) => flows.push(scattered),
                None => {
                    let name = document.nodes[*input].name();
                    let problem = Problem::at("from", format!("another node takes from {name} too"));
                    return Err(problem.help(format!(
                        "{name} is scattered: put a gather after it, or a scatter into each branch"
                    )));
                }
            }
        }
        Ok((!inputs.incomplete).then_some(flows))
    }

    /// How what each node gives is to be read.
    pub(super) fn contents(&self, document: &Document) -> Vec<Option<&'static str>> {
        let contents = |place| self.flows.get(&place).map(|given| given.contents.name());
        (0..document.nodes.len()).map(contents).collect()
    }
}
