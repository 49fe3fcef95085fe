//! The graph of a pipeline while it is built: node by node, each after those that it takes from.

use std::collections::HashMap;
use std::sync::Arc;

use super::document::Document;
use super::edges::Edges;
use super::node::NodeDescription;
use crate::graph::MOST_IN_A_ROW;
use crate::nodes::{
    BuildContext, Contents, FaultOptions, Feeding, Flow, NodeType, Problem, Read, Report, Section, Table,
};
use crate::run::RunSource;
use crate::{Monitor, Source};

/// The nodes of a file and the edges between them.
pub(super) struct Plan<'a, 'i> {
    pub(super) document: &'a Document<'i>,
    pub(super) edges: &'a Edges,
    /// Of each node: whether it gets records of a source that serves peers, so that faults should not end the run.
    stay_up: Vec<bool>,
}

impl<'a, 'i> Plan<'a, 'i> {
    pub(super) fn new(document: &'a Document<'i>, edges: &'a Edges) -> Self {
        let mut stay_up = vec![false; document.nodes.len()];
        for place in &edges.order {
            let is_service = document.nodes[*place].kind.is_some_and(|kind| kind.is_service);
            stay_up[*place] = is_service || edges.inputs[*place].nodes.iter().any(|input| stay_up[*input]);
        }
        Self { document, edges, stay_up }
    }

    /// Makes a node the one at hand, with what it takes from.
    fn begin(&self, place: usize, faults: &FaultOptions, context: &mut BuildContext) -> Result<(), Problem> {
        let (nodes, from) = (&self.document.nodes, &self.edges.inputs[place]);
        let taken_from = from.nodes.iter().map(|place| nodes[*place].name().to_owned()).collect();
        let literals = from.literals.iter().map(|(place, literal)| (*place, literal.clone().into_bytes()));
        context.begin(nodes[place].name(), faults, self.stay_up[place], taken_from, literals.collect())
    }
}

/// The graph, as far as it is built.
pub(super) struct Graph {
    /// The monitor, and where each node stands there.
    monitor: Option<Monitor>,
    watched: HashMap<usize, usize>,
    /// What nodes give, with how it is to be read.
    flows: HashMap<usize, Given>,
    pub(super) sources: Vec<RunSource>,
    /// Each node with a hash of its options.
    pub(super) notes: Vec<(String, String)>,
}

struct Given {
    contents: Contents,
    /// Taken, if it was scattered: only one node can have it.
    flow: Option<Flow>,
}

/// A chain of nodes takes as much stack as it is long.
fn too_many() -> Problem {
    let problem = Problem::new("too many nodes in a row lead to it");
    problem.help(format!("at most {MOST_IN_A_ROW} parts of nodes may follow one another: merge functions"))
}

/// A node's table, without what all nodes have. Options about faults that are wrong are as if they were not there.
pub(super) struct Parts<'i> {
    pub(super) own: Table<'i>,
    pub(super) faults: FaultOptions,
}

impl<'i> Parts<'i> {
    pub(super) fn of(node: &NodeDescription<'i>, report: &mut Report) -> Option<Self> {
        let kind = node.kind?;
        let (own, faults) = match kind.refuses {
            true => node.table.split(&FaultOptions::KEYS),
            false => (node.table.clone(), Table::empty(node.name())),
        };
        let faults = faults.options(report).unwrap_or_default();
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
            notes: Vec::new(),
        }
    }

    /// Puts a node into the graph, if it can be; reports what is wrong with it.
    pub(super) fn add(&mut self, plan: &Plan, place: usize, context: &mut BuildContext, report: &mut Report) {
        let node = &plan.document.nodes[place];
        let Some(kind) = node.kind else { return };
        let Some(Parts { own, faults }) = Parts::of(node, report) else { return };
        self.notes.push((node.name().to_owned(), own.hash()));
        if let Err(problem) = plan.begin(place, &faults, context) {
            node.report(problem, report);
        }
        let inputs = self.inputs(plan, place).unwrap_or_else(|problem| {
            node.report(problem, report);
            None
        });
        let scope = self.begin(node, kind, &plan.edges.inputs[place].nodes);
        self.name_next(Some(node.name()));
        // What is wrong before a node does not hide what is wrong with the node itself.
        let alone = inputs.is_none();
        let inputs = inputs.unwrap_or_else(|| vec![Flow::stand_in()]);
        let added = match &kind.read {
            Read::Source(read) => {
                let Some(options) = read(&own, report) else { return };
                context.says(|access| options.access(access));
                options.open(context).map(|opened| Some(self.source(place, node, kind, opened)))
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
        self.name_next(None);
        let kept = match added {
            Err(problem) if alone => problem.of_options(),
            Ok(Some(flow)) if !alone => self.keep(place, flow, scope),
            added => added.map(drop),
        };
        if let Err(problem) = kept {
            node.report(problem, report);
        }
    }

    /// Keeps what a node gives, for the nodes after it.
    fn keep(&mut self, place: usize, mut flow: Flow, scope: Option<usize>) -> Result<(), Problem> {
        if flow.depth() > MOST_IN_A_ROW {
            return Err(too_many());
        }
        if let Some(scope) = scope {
            flow.stands_at(scope);
        }
        let contents = flow.contents().clone();
        self.flows.insert(place, Given { contents, flow: Some(flow) });
        Ok(())
    }

    /// Tells the monitor of a stage or sink, of which all nodes until the end are a part.
    fn begin(&self, node: &NodeDescription, kind: &NodeType, inputs: &[usize]) -> Option<usize> {
        let graph = &self.monitor.as_ref()?.watch().graph;
        if node.section == Section::Sources {
            return None;
        }
        let place = graph.begin(node.name(), kind.name);
        let from: Vec<_> = inputs.iter().filter_map(|input| self.watched.get(input).copied()).collect();
        graph.link(&from, place);
        Some(place)
    }

    /// Names the parts of the next node in checkpoints.
    fn name_next(&self, name: Option<&str>) {
        self.sources.iter().for_each(|source| source.name_next(name));
    }

    fn end(&mut self, place: usize, scope: Option<usize>) {
        if let (Some(monitor), Some(scope)) = (&self.monitor, scope) {
            monitor.watch().graph.end();
            self.watched.insert(place, scope);
        }
    }

    /// Adds a source, and returns its records.
    fn source(
        &mut self,
        place: usize,
        node: &NodeDescription,
        kind: &NodeType,
        opened: (Feeding, Contents),
    ) -> Flow {
        let (feeding, contents) = opened;
        let mut source = Source::new();
        if let Some(monitor) = &self.monitor {
            source = source.monitored_as(monitor, node.name(), kind.name);
        }
        let watched = source.watched().and_then(|watched| watched.from.first().copied());
        self.watched.extend(watched.map(|watched| (place, watched)));
        let source = Arc::new(source);
        let flow = Flow::Local(source.stream(), contents);
        self.sources.push(RunSource::of_node(node.name(), &source, feeding));
        flow
    }

    /// What a node takes from; none if something is wrong before it.
    fn inputs(&mut self, plan: &Plan, place: usize) -> Result<Option<Vec<Flow>>, Problem> {
        let inputs = &plan.edges.inputs[place];
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
                    let name = plan.document.nodes[*input].name();
                    let problem = Problem::at("from", format!("another node takes from {name} too"));
                    return Err(problem.help(format!(
                        "{name} is scattered: put a gather after it, or a scatter into each branch"
                    )));
                }
            }
        }
        if inputs.incomplete {
            return Ok(None);
        }
        match flows.iter().any(|input| input.depth() >= MOST_IN_A_ROW) {
            true => Err(too_many()),
            false => Ok(Some(flows)),
        }
    }

    /// How what each node gives is to be read.
    pub(super) fn contents(&self, document: &Document) -> Vec<Option<&'static str>> {
        let contents = |place| self.flows.get(&place).map(|given| given.contents.name());
        (0..document.nodes.len()).map(contents).collect()
    }
}
