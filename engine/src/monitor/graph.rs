//! The nodes of a graph that somebody watches, and what goes through them.

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
    /// What is added belongs to this node, which a file names.
    scope: Option<usize>,
    /// Where the nodes are in a picture, once somebody has asked.
    pub(super) places: OnceLock<Vec<(f64, f64)>>,
}

/// One node gives to another.
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) way: Arc<Way>,
}

/// What goes from one node to another.
pub(super) struct Way {
    /// Elements that came this way.
    records: AtomicU64,
    /// How long calls took that gave them, with what is behind, in nanoseconds.
    inside: AtomicU64,
    /// Since when one goes on, in nanoseconds since the start; 0 if none does.
    since: AtomicU64,
    begun: Instant,
}

/// A node of the graph.
pub(super) struct Vertex {
    pub(super) name: Mutex<String>,
    pub(super) kind: String,
    /// Elements that came.
    pub(super) records: AtomicU64,
    /// Whether what is behind runs in another task: its own time is that of a wait for room.
    pub(super) hands_over: AtomicBool,
    /// The function that it calls on the pool, whose figures are its own.
    pub(super) function: OnceLock<Weak<dyn FunctionFigures>>,
    /// The source that it is.
    pub(super) source: OnceLock<Weak<dyn SourceFigures>>,
    /// How much waits in it, if that is known.
    pub(super) gauges: Mutex<Vec<Weak<dyn Gauge>>>,
    /// Whether streams meet in it: its own time is that for which one waited for another.
    pub(super) meets: AtomicBool,
}

/// Something that fills.
pub(crate) trait Gauge: Send + Sync {
    /// How many records are there, and how many may be.
    fn filled(&self) -> (u64, u64);
}

impl Graph {
    /// Adds a node behind others. Returns it with its place.
    fn add(&self, name: &str, kind: &str, from: &[usize]) -> (usize, Arc<Vertex>) {
        let mut shape = lock(&self.0);
        let place = match shape.scope {
            Some(place) => place,
            None => shape.push(name, kind),
        };
        shape.link(from, place);
        (place, shape.nodes[place].clone())
    }

    /// A source is a node in front of others.
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

    /// A node that a file names: what is added until the scope ends is a part of it.
    pub(crate) fn begin(&self, name: &str, kind: &str) -> usize {
        let mut shape = lock(&self.0);
        let place = shape.push(name, kind);
        shape.scope = Some(place);
        place
    }

    pub(crate) fn end(&self) {
        lock(&self.0).scope = None;
    }

    /// One node takes from others.
    pub(crate) fn link(&self, from: &[usize], to: usize) {
        lock(&self.0).link(from, to);
    }

    /// Counts what comes to a node on its way from another.
    fn meter(&self, from: &[usize], place: usize, vertex: Arc<Vertex>) -> Meter {
        let shape = lock(&self.0);
        let way = |from: &usize| shape.edge(*from, place).map(|edge| edge.way.clone());
        // A part of a node that a file names is counted where records come to it.
        Meter { vertex, way: from.first().and_then(way) }
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
                self.edges.push(Edge { from: *from, to, way: Arc::new(Way::new()) });
            }
        }
    }

    fn edge(&self, from: usize, to: usize) -> Option<&Edge> {
        self.edges.iter().find(|edge| edge.from == from && edge.to == to)
    }
}

impl Way {
    fn new() -> Self {
        Self { records: 0.into(), inside: 0.into(), since: 0.into(), begun: Instant::now() }
    }

    fn nanos(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    pub(super) fn records(&self) -> u64 {
        self.records.load(Relaxed)
    }

    /// The time inside calls so far, the one that goes on included.
    pub(super) fn time_inside(&self) -> u64 {
        let since = self.since.load(Relaxed);
        let now = if since == 0 { 0 } else { self.nanos().saturating_sub(since) };
        self.inside.load(Relaxed) + now
    }
}

/// Where a stream stands in a graph that somebody watches.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) watch: Arc<Watch>,
    /// The nodes that it comes from.
    pub(crate) from: Vec<usize>,
}

impl Watched {
    /// The same behind another node, and that node's meter.
    pub(crate) fn behind(&self, kind: &str) -> (Self, Meter) {
        let graph = &self.watch.graph;
        let (place, vertex) = graph.add(kind, kind, &self.from);
        let meter = graph.meter(&self.from, place, vertex);
        (Self { watch: self.watch.clone(), from: vec![place] }, meter)
    }

    /// The same behind a node that takes from two.
    pub(crate) fn behind_both(&self, other: &Self, kind: &str) -> (Self, [Meter; 2]) {
        let from: Vec<_> = self.from.iter().chain(&other.from).copied().collect();
        let graph = &self.watch.graph;
        let (place, vertex) = graph.add(kind, kind, &from);
        vertex.meets.store(true, Relaxed);
        let meters = [&self.from, &other.from].map(|from| graph.meter(from, place, vertex.clone()));
        (Self { watch: self.watch.clone(), from: vec![place] }, meters)
    }

    /// The same behind a function on the pool.
    pub(crate) fn behind_function<F: FunctionFigures + 'static>(&self, function: &Arc<F>) -> Self {
        let (name, kind) = (function.name(), function.kind().to_string());
        let (place, vertex) = self.watch.graph.add(name, &kind, &self.from);
        let function: Weak<F> = Arc::downgrade(function);
        let _ = vertex.function.set(function);
        Self { watch: self.watch.clone(), from: vec![place] }
    }

    /// The node that it comes from hands elements over to another task, and holds them meanwhile.
    pub(crate) fn hands_over(&self, gauge: Option<Weak<dyn Gauge>>) {
        if let [place] = *self.from.as_slice() {
            let vertex = self.watch.graph.vertex(place);
            vertex.hands_over.store(true, Relaxed);
            lock(&vertex.gauges).extend(gauge);
        }
    }

    /// What is on the pool between the last scatter and here: it belongs to its buffer if that is a node, else to
    /// the scatter.
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

    /// Gives the node that it comes from another name.
    pub(crate) fn rename(&self, name: &str) {
        if let [place] = *self.from.as_slice() {
            name.clone_into(&mut lock(&self.watch.graph.vertex(place).name));
        }
    }
}

/// Counts what goes into a node.
pub(crate) struct Meter {
    vertex: Arc<Vertex>,
    /// The way on which they come; none within the node.
    way: Option<Arc<Way>>,
}

/// A call that is under way.
pub(crate) struct Inside<'a> {
    way: &'a Way,
    since: u64,
}

impl Meter {
    /// A call with elements begins; none if they come from within the node.
    pub(crate) fn enter(&self) -> Option<Inside<'_>> {
        self.way.as_deref().map(Inside::enter)
    }

    /// So many elements came.
    pub(crate) fn count(&self, elements: usize) {
        self.vertex.records.fetch_add(elements as u64, Relaxed);
        if let Some(way) = &self.way {
            way.records.fetch_add(elements as u64, Relaxed);
        }
    }
}

impl<'a> Inside<'a> {
    fn enter(way: &'a Way) -> Self {
        let since = way.nanos();
        way.since.store(since, Relaxed);
        Self { way, since }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let time = self.way.nanos().saturating_sub(self.since);
        self.way.inside.fetch_add(time, Relaxed);
        self.way.since.store(0, Relaxed);
    }
}
