//! The nodes of a watched graph, and what goes through them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Instant;

use super::{FunctionFigures, SourceFigures, Watch, lock};

/// The graph as it is built.
#[derive(Default)]
pub(crate) struct Graph(Mutex<Shape>);

#[derive(Default)]
pub(super) struct Shape {
    pub(super) nodes: Vec<Arc<Vertex>>,
    pub(super) edges: Vec<Edge>,
    /// The node of a pipeline file that new nodes are part of.
    scope: Option<usize>,
    /// Where the nodes stand in a picture, once it was computed.
    pub(super) places: OnceLock<Vec<(f64, f64)>>,
}

/// An edge from one node to another.
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) flow: Arc<Flow>,
}

/// What goes over an edge.
pub(super) struct Flow {
    /// Elements that went over it.
    records: AtomicU64,
    /// How long calls into the node took, including the nodes after it, in nanoseconds.
    inside: AtomicU64,
    /// When the running call began, in nanoseconds since the start; 0 if none is running.
    since: AtomicU64,
    begun: Instant,
}

/// A node of the graph.
pub(super) struct Vertex {
    pub(super) name: Mutex<String>,
    pub(super) kind: String,
    /// Elements that came to it.
    pub(super) records: AtomicU64,
    /// Whether the nodes after it run in another task. Then its own time is that of waiting for room.
    pub(super) hands_over: AtomicBool,
    /// The function that it calls on the pool; the node shows its figures.
    pub(super) function: OnceLock<Weak<dyn FunctionFigures>>,
    /// The source that it is.
    pub(super) source: OnceLock<Weak<dyn SourceFigures>>,
    /// How full it is, if that is known.
    pub(super) gauges: Mutex<Vec<Weak<dyn Gauge>>>,
    /// Whether streams meet in it. Then its own time is that of one stream waiting for another.
    pub(super) meets: AtomicBool,
}

/// Something that fills up.
pub(crate) trait Gauge: Send + Sync {
    /// How many records it holds, and the most that it may hold.
    fn filled(&self) -> (u64, u64);
}

impl Graph {
    /// Adds a node after others. Returns it with its place.
    fn add(&self, name: &str, kind: &str, from: &[usize]) -> (usize, Arc<Vertex>) {
        let mut shape = lock(&self.0);
        let place = match shape.scope {
            Some(place) => place,
            None => shape.push(name, kind),
        };
        shape.link(from, place);
        (place, shape.nodes[place].clone())
    }

    /// Adds a source as a node. Returns its place.
    pub(crate) fn add_source<S: SourceFigures + 'static>(
        &self,
        name: &str,
        kind: &str,
        source: &Arc<S>,
    ) -> usize {
        let source: Weak<S> = Arc::downgrade(source);
        let mut shape = lock(&self.0);
        let place = shape.push(name, kind);
        let _ = shape.nodes[place].source.set(source);
        place
    }

    /// Begins a node of a pipeline file: nodes that are added until `end` are part of it.
    pub(crate) fn begin(&self, name: &str, kind: &str) -> usize {
        let mut shape = lock(&self.0);
        let place = shape.push(name, kind);
        shape.scope = Some(place);
        place
    }

    pub(crate) fn end(&self) {
        lock(&self.0).scope = None;
    }

    /// Adds edges from some nodes to one.
    pub(crate) fn link(&self, from: &[usize], to: usize) {
        lock(&self.0).link(from, to);
    }

    /// Counts what goes over the edge from one node to another.
    fn meter(&self, from: &[usize], place: usize, vertex: Arc<Vertex>) -> Meter {
        let shape = lock(&self.0);
        let flow = |from: &usize| shape.edge(*from, place).map(|edge| edge.flow.clone());
        // A node of a pipeline file counts records where they enter it, not in its parts.
        Meter { vertex, flow: from.first().and_then(flow) }
    }

    fn vertex(&self, place: usize) -> Arc<Vertex> {
        lock(&self.0).nodes[place].clone()
    }

    pub(super) fn read<R>(&self, read: impl FnOnce(&Shape) -> R) -> R {
        read(&lock(&self.0))
    }
}

impl Shape {
    fn push(&mut self, name: &str, kind: &str) -> usize {
        self.places.take();
        self.nodes.push(Arc::new(Vertex {
            name: Mutex::new(name.to_owned()),
            kind: kind.to_owned(),
            records: 0.into(),
            hands_over: false.into(),
            function: OnceLock::new(),
            source: OnceLock::new(),
            gauges: Mutex::default(),
            meets: false.into(),
        }));
        self.nodes.len() - 1
    }

    fn link(&mut self, from: &[usize], to: usize) {
        self.places.take();
        for from in from.iter().filter(|from| **from != to) {
            if self.edge(*from, to).is_none() {
                self.edges.push(Edge { from: *from, to, flow: Arc::new(Flow::new()) });
            }
        }
    }

    fn edge(&self, from: usize, to: usize) -> Option<&Edge> {
        self.edges.iter().find(|edge| edge.from == from && edge.to == to)
    }
}

impl Flow {
    fn new() -> Self {
        Self { records: 0.into(), inside: 0.into(), since: 0.into(), begun: Instant::now() }
    }

    fn nanos(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    pub(super) fn records(&self) -> u64 {
        self.records.load(Relaxed)
    }

    /// The time inside calls so far, including a running one.
    pub(super) fn time_inside(&self) -> u64 {
        let since = self.since.load(Relaxed);
        let now = if since == 0 { 0 } else { self.nanos().saturating_sub(since) };
        self.inside.load(Relaxed) + now
    }
}

/// Where a stream stands in a watched graph.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) watch: Arc<Watch>,
    /// The nodes that it comes from.
    pub(crate) from: Vec<usize>,
}

impl Watched {
    /// The stream after another node, and that node's meter.
    pub(crate) fn behind(&self, kind: &str) -> (Self, Meter) {
        let graph = &self.watch.graph;
        let (place, vertex) = graph.add(kind, kind, &self.from);
        let meter = graph.meter(&self.from, place, vertex);
        (Self { watch: self.watch.clone(), from: vec![place] }, meter)
    }

    /// The stream after a node that takes from two streams, and its meter for each.
    pub(crate) fn behind_both(&self, other: &Self, kind: &str) -> (Self, [Meter; 2]) {
        let from: Vec<_> = self.from.iter().chain(&other.from).copied().collect();
        let graph = &self.watch.graph;
        let (place, vertex) = graph.add(kind, kind, &from);
        vertex.meets.store(true, Relaxed);
        let meters = [&self.from, &other.from].map(|from| graph.meter(from, place, vertex.clone()));
        (Self { watch: self.watch.clone(), from: vec![place] }, meters)
    }

    /// The stream after a function on the pool.
    pub(crate) fn behind_function<F: FunctionFigures + 'static>(&self, function: &Arc<F>) -> Self {
        let (name, kind) = (function.name(), function.kind().to_string());
        let (place, vertex) = self.watch.graph.add(name, &kind, &self.from);
        let function: Weak<F> = Arc::downgrade(function);
        let _ = vertex.function.set(function);
        Self { watch: self.watch.clone(), from: vec![place] }
    }

    /// Marks the node before as one that hands elements over to another task, and holds them meanwhile.
    pub(crate) fn hands_over(&self, gauge: Option<Weak<dyn Gauge>>) {
        if let [place] = *self.from.as_slice() {
            let vertex = self.watch.graph.vertex(place);
            vertex.hands_over.store(true, Relaxed);
            lock(&vertex.gauges).extend(gauge);
        }
    }

    /// Attaches the gauge of the segment that ends here to its buffer node, or to its scatter if it has none.
    pub(crate) fn holds(&self, gauge: &Weak<dyn Gauge>) {
        let mut place = self.from.first().copied();
        let mut buffered = false;
        while let Some(here) = place {
            let (vertex, before) = self.watch.graph.read(|shape| {
                let before = shape.edges.iter().find(|edge| edge.to == here).map(|edge| edge.from);
                (shape.nodes[here].clone(), before)
            });
            if !buffered && matches!(&*vertex.kind, "buffer" | "scatter") {
                lock(&vertex.gauges).push(gauge.clone());
                buffered = true;
            }
            if vertex.kind == "scatter" {
                return vertex.hands_over.store(true, Relaxed);
            }
            place = before;
        }
    }

    /// Renames the node before.
    pub(crate) fn rename(&self, name: &str) {
        if let [place] = *self.from.as_slice() {
            name.clone_into(&mut lock(&self.watch.graph.vertex(place).name));
        }
    }
}

/// Counts what goes into a node.
pub(crate) struct Meter {
    vertex: Arc<Vertex>,
    /// The edge over which they come; `None` within the node.
    flow: Option<Arc<Flow>>,
}

/// A running call into a node, measured until it is dropped.
pub(crate) struct RunningCall<'a> {
    flow: &'a Flow,
    since: u64,
}

impl Meter {
    /// Begins a call with elements. `None` if they come from within the node.
    pub(crate) fn enter(&self) -> Option<RunningCall<'_>> {
        self.flow.as_deref().map(RunningCall::enter)
    }

    /// Counts elements.
    pub(crate) fn count(&self, elements: usize) {
        self.vertex.records.fetch_add(elements as u64, Relaxed);
        if let Some(flow) = &self.flow {
            flow.records.fetch_add(elements as u64, Relaxed);
        }
    }
}

impl<'a> RunningCall<'a> {
    fn enter(flow: &'a Flow) -> Self {
        let since = flow.nanos();
        flow.since.store(since, Relaxed);
        Self { flow, since }
    }
}

impl Drop for RunningCall<'_> {
    fn drop(&mut self) {
        let time = self.flow.nanos().saturating_sub(self.since);
        self.flow.inside.fetch_add(time, Relaxed);
        self.flow.since.store(0, Relaxed);
    }
}
