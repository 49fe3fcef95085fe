//! What is told of a run at one moment.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::functions::FunctionGauge;
use super::graph::{Edge, Vertex};
use super::{Line, Monitor, Told, lock};
use crate::layout;
use crate::text::PlainText;

/// A run at one moment: what is there, how much went through it, and what is wrong.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// The run as a whole.
    pub run: RunStatus,
    /// The nodes of the graph, in the order in which they were built.
    pub nodes: Vec<NodeStatus>,
    /// Who gives to whom.
    pub edges: Vec<EdgeStatus>,
    /// The functions of plugins.
    pub functions: Vec<FunctionStatus>,
    /// The pool that they run on.
    pub pool: PoolStatus,
    /// The workers of a cluster, by their names.
    #[serde(default)]
    pub workers: Vec<WorkerStatus>,
    /// What went wrong.
    pub faults: FaultsStatus,
    /// The latest lines that functions printed.
    pub log: Vec<Line>,
}

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It goes on.
    Running,
    /// Its sources are held.
    Paused,
    /// It finishes what was taken in.
    Draining,
    /// It has ended, and all is done.
    Done,
    /// It has ended before its input did; what was taken in is done.
    Drained,
    /// It was ended at once; what was taken in is not done.
    Stopped,
    /// It has ended with an error.
    Failed,
}

impl RunState {
    /// Whether it has ended.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Drained | Self::Stopped | Self::Failed)
    }
}

/// A run as a whole.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunStatus {
    /// Whether it goes on.
    pub state: RunState,
    /// What ended it, if it failed.
    pub error: Option<PlainText>,
    /// When it began, in seconds since 1970.
    pub started: f64,
    /// Milliseconds since then.
    pub now: u64,
    /// Milliseconds of these in which its sources were held.
    pub paused: u64,
    /// How many records went where.
    #[serde(flatten)]
    pub counts: Counts,
    /// How much of the input was read, if its size is known.
    pub input: Option<Input>,
}

/// How much was read of an input whose size is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// In bytes.
    pub read: u64,
    /// What of it is done, in bytes: as much as of the records that were emitted.
    pub done: u64,
    /// In bytes.
    pub all: u64,
}

/// A node of the graph.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NodeStatus {
    /// Its name.
    pub name: PlainText,
    /// What it is.
    pub kind: PlainText,
    /// The middle of it in a picture in which nodes are 152 wide and 66 high.
    pub at: (f64, f64),
    /// How many records came.
    pub records: u64,
    /// How long it was busy itself, in nanoseconds; of a node that hands records over, how long others waited for
    /// room there.
    pub nanos: u64,
    /// Whether it hands records over to another task.
    pub hands_over: bool,
    /// Whether streams meet in it: its time is that for which one waited for another.
    pub meets: bool,
    /// How much is in it, if it has a bound.
    pub buffer: Option<Buffer>,
    /// The function that it calls on the pool, by its place.
    pub function: Option<usize>,
}

/// How full something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Buffer {
    /// Records that are there.
    pub filled: u64,
    /// How many may be.
    pub limit: u64,
}

/// An edge of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EdgeStatus {
    /// The place of the node that gives.
    pub from: usize,
    /// The place of the one that takes.
    pub to: usize,
    /// How many records went this way.
    pub records: u64,
}

/// How many records went where, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Emitted by the source.
    pub emitted: u64,
    /// In scattered segments, neither delivered nor dropped yet.
    pub unfinished: u64,
    /// Taken by sinks.
    pub delivered: u64,
    /// Records that became faults.
    pub faults: u64,
}

impl Counts {
    /// These and others together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            emitted: self.emitted + other.emitted,
            unfinished: self.unfinished + other.unfinished,
            delivered: self.delivered + other.delivered,
            faults: self.faults + other.faults,
        }
    }
}

/// A function of a plugin.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct FunctionStatus {
    /// Its name.
    pub name: PlainText,
    /// Its plugin's file.
    pub plugin: PlainText,
    /// How many calls were made.
    pub calls: u64,
    /// How many records they took.
    pub records: u64,
    /// How many of them failed: calls, not records.
    pub failed_calls: u64,
    /// The time that calls took together, in nanoseconds.
    pub nanos: u64,
    /// The time that half of all records took at most, in nanoseconds; a batch counts as its mean.
    pub p50: Option<u64>,
    /// The same of 99 in 100.
    pub p99: Option<u64>,
    /// The longest time of a record, in nanoseconds.
    pub longest: u64,
    /// The limit for that.
    pub timeout: u64,
    /// How many records took how long: from, to (in nanoseconds), and how many.
    pub histogram: Vec<(u64, u64, u64)>,
    /// How many records the next call may take; there may be fewer.
    pub batch: usize,
    /// The memory of the instance that was called last, in bytes.
    pub memory: usize,
    /// The most memory that an instance had.
    pub memory_most: usize,
    /// The limit for that.
    pub memory_limit: usize,
    /// How many instances were given up: worn out, or after a failure.
    pub retired: u64,
}

/// The pool.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct PoolStatus {
    /// Threads that run functions.
    pub workers: usize,
    /// Instances that there are, without those that sinks keep.
    pub instances: usize,
    /// The most that there were at once.
    pub instances_most: usize,
    /// The limit for that.
    pub instances_limit: usize,
    /// The memory that all of them have, in bytes.
    pub memory: usize,
    /// The most that it was at once, in bytes.
    pub memory_most: usize,
    /// The limit for that.
    pub memory_limit: usize,
}

/// A worker of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerStatus {
    /// Its name.
    pub name: PlainText,
    /// The name of its machine.
    pub machine: PlainText,
    /// Its process there.
    pub process: u32,
    /// Threads that run functions.
    pub threads: usize,
    /// How many tasks it is at, of all runs.
    pub busy: usize,
    /// How many it has done.
    pub tasks: u64,
    /// How many records were in these.
    pub records: u64,
    /// It finishes what it has begun, and takes nothing more.
    pub leaving: bool,
    /// Why it does not serve this run, if it does not.
    pub refused: Option<PlainText>,
}

/// What went wrong.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FaultsStatus {
    /// How many of each kind.
    pub kinds: BTreeMap<PlainText, u64>,
    /// The latest, the last one first.
    pub latest: Vec<Told>,
    /// Files in which records are put aside.
    pub put_aside: Vec<PlainText>,
}

/// Of nodes, in a picture.
const WIDTH: f64 = 152.0;
const HEIGHT: f64 = 66.0;
const MARGIN: f64 = 12.0;
/// So much wider is the way from one to the next: for a figure.
const ROOM: f64 = 32.0;

/// So many faults and lines are told at once.
const TOLD: usize = 50;

impl Status {
    /// Threads that run the functions of segments: the pool's, or those of a cluster's workers.
    pub(super) fn threads(&self) -> usize {
        let serves = |worker: &&WorkerStatus| worker.refused.is_none();
        let elsewhere = self.workers.iter().filter(serves).map(|worker| worker.threads);
        let elsewhere = elsewhere.fold(0, usize::saturating_add);
        if self.workers.is_empty() { self.pool.workers } else { elsewhere }
    }

    /// Whether a node calls this function on the pool.
    pub(super) fn is_on_pool(&self, function: usize) -> bool {
        self.nodes.iter().any(|node| node.function == Some(function))
    }
}

impl Monitor {
    /// The run at this moment. After its end nothing changes but what is printed.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.watch().last.get() {
            Some(last) => Status { log: self.watch().log.latest(TOLD), ..(**last).clone() },
            None => self.read(),
        }
    }

    /// The run as it is.
    pub(super) fn read(&self) -> Status {
        let watch = self.watch();
        let (kinds, latest, put_aside) = watch.faults.read(TOLD);
        let functions: Vec<_> = lock(&watch.functions).iter().map(|gauge| gauge.status(function)).collect();
        let (nodes, edges) = watch.graph.read(|shape| {
            let inside: Vec<_> = shape.edges.iter().map(|edge| edge.way.time_inside()).collect();
            let sum = |is: &dyn Fn(&Edge) -> bool| -> u64 {
                shape.edges.iter().zip(&inside).filter(|(edge, _)| is(edge)).map(|(_, inside)| inside).sum()
            };
            let own = |place: usize| {
                let inside = sum(&|edge| edge.to == place);
                // What is behind ran within its calls, unless it hands over.
                let hands_over = shape.nodes[place].hands_over.load(Relaxed);
                inside.saturating_sub(if hands_over { 0 } else { sum(&|edge| edge.from == place) })
            };
            let functions = &*lock(&watch.functions);
            let nodes = shape.nodes.iter().enumerate();
            let places = shape.places.get_or_init(|| {
                let edges: Vec<_> = shape.edges.iter().map(|edge| (edge.from, edge.to)).collect();
                layout::places(&vec![WIDTH + ROOM; shape.nodes.len()], HEIGHT, MARGIN, &edges)
            });
            let nodes = nodes.map(|(place, vertex)| NodeStatus {
                at: places[place],
                ..node(vertex, own(place), functions)
            });
            let mut nodes: Vec<_> = nodes.collect();
            pass_through(&mut nodes, &shape.edges);
            let edges = shape.edges.iter().map(|Edge { from, to, way }| {
                let only = shape.edges.iter().filter(|edge| edge.to == *to).count() == 1;
                let records = if only { nodes[*to].records } else { way.records() };
                EdgeStatus { from: *from, to: *to, records }
            });
            let edges = edges.collect();
            (nodes, edges)
        });
        Status {
            run: self.run(),
            nodes,
            edges,
            functions,
            pool: self.pool(),
            workers: self.workers(),
            faults: FaultsStatus { kinds, latest, put_aside },
            log: watch.log.latest(TOLD),
        }
    }

    fn run(&self) -> RunStatus {
        let watch = self.watch();
        let sources = lock(&watch.sources);
        let counts = sources.iter().map(|source| source.counts()).fold(Counts::default(), Counts::plus);
        let (read, all) = sources.iter().map(|source| source.input()).fold((0, Some(0)), |sum, source| {
            (sum.0 + source.0, sum.1.and_then(|all: u64| Some(all + source.1?)))
        });
        let ended = lock(&watch.ended).clone();
        let state = match &ended {
            Some(ended) => ended.state,
            None if watch.control.is_draining() => RunState::Draining,
            None if watch.control.is_held() => RunState::Paused,
            None => RunState::Running,
        };
        RunStatus {
            state,
            error: ended.and_then(|ended| ended.error),
            started: self.started(),
            now: watch.now(),
            paused: u64::try_from(watch.control.paused().as_millis()).unwrap_or(u64::MAX),
            counts,
            input: all.filter(|all| *all > 0).map(|all| Input { read, done: done(read, counts), all }),
        }
    }

    fn workers(&self) -> Vec<WorkerStatus> {
        let pools = lock(&self.watch().pools);
        let pools = pools.iter().filter_map(std::sync::Weak::upgrade);
        pools.flat_map(|pool| pool.workers()).collect()
    }

    fn pool(&self) -> PoolStatus {
        let pools = lock(&self.watch().pools);
        let pools = pools.iter().filter_map(std::sync::Weak::upgrade);
        pools.fold(PoolStatus::default(), |sum, pool| {
            let status = pool.status();
            PoolStatus {
                workers: sum.workers + status.workers,
                instances: sum.instances + status.instances,
                instances_most: sum.instances_most + status.instances_most,
                instances_limit: sum.instances_limit + status.instances_limit,
                memory: sum.memory + status.memory,
                memory_most: sum.memory_most + status.memory_most,
                memory_limit: sum.memory_limit + status.memory_limit,
            }
        })
    }
}

/// As much of what was read as of the records.
fn done(read: u64, counts: Counts) -> u64 {
    let (emitted, unfinished) = (u128::from(counts.emitted.max(1)), u128::from(counts.unfinished));
    let part = u128::from(read) * emitted.saturating_sub(unfinished) / emitted;
    u64::try_from(part).unwrap_or(read)
}

/// The buffer of a scattered stretch counts nothing itself: what came to it is what went on.
fn pass_through(nodes: &mut [NodeStatus], edges: &[Edge]) {
    for place in (0..nodes.len()).rev() {
        if nodes[place].kind == "buffer" && nodes[place].records == 0 {
            let behind = edges.iter().filter(|edge| edge.from == place).map(|edge| nodes[edge.to].records);
            nodes[place].records = behind.max().unwrap_or(0);
        }
    }
}

fn node(vertex: &Vertex, nanos: u64, functions: &[std::sync::Arc<FunctionGauge>]) -> NodeStatus {
    let called = vertex.function.get().and_then(std::sync::Weak::upgrade);
    let source = vertex.source.get().and_then(std::sync::Weak::upgrade);
    let place = called.as_ref().and_then(|called| {
        functions
            .iter()
            .position(|gauge| std::ptr::addr_eq(gauge.function.as_ptr(), std::sync::Arc::as_ptr(called)))
    });
    let used = called.map(|called| called.used());
    let gauges = lock(&vertex.gauges);
    let fills = gauges.iter().filter_map(std::sync::Weak::upgrade).map(|gauge| gauge.filled());
    let buffer = fills.fold(None, |sum: Option<Buffer>, (filled, limit)| {
        let sum = sum.unwrap_or_default();
        Some(Buffer { filled: sum.filled + filled, limit: sum.limit + limit })
    });
    NodeStatus {
        name: lock(&vertex.name).as_str().into(),
        kind: vertex.kind.as_str().into(),
        at: (0.0, 0.0),
        records: source.map_or_else(
            || used.map_or(vertex.records.load(Relaxed), |(records, _)| records),
            |source| source.counts().emitted,
        ),
        nanos: used.map_or(nanos, |(_, time)| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
        hands_over: vertex.hands_over.load(Relaxed),
        meets: vertex.meets.load(Relaxed),
        buffer,
        function: place,
    }
}

fn function(gauge: &FunctionGauge) -> Option<FunctionStatus> {
    let status = gauge.function.upgrade()?.status();
    let times = gauge.times.load();
    let buckets = times.into_iter().filter(|bucket| bucket.count() > 0);
    let histogram: Vec<_> =
        buckets.map(|bucket| (bucket.start(), bucket.end() + 1, bucket.count())).collect();
    Some(FunctionStatus {
        failed_calls: gauge.faults.load(Relaxed),
        p50: quantile(&histogram, 0.5),
        p99: quantile(&histogram, 0.99),
        histogram,
        memory: gauge.memory.load(Relaxed),
        ..status
    })
}

/// The end of the bucket in which so many of all records are at most.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is rounded to a bucket"
)]
fn quantile(histogram: &[(u64, u64, u64)], part: f64) -> Option<u64> {
    let all: u64 = histogram.iter().map(|(_, _, count)| count).sum();
    let wanted = (all as f64 * part).ceil() as u64;
    let mut sum = 0;
    let found = histogram.iter().find(|(_, _, count)| {
        sum += count;
        sum >= wanted
    });
    found.map(|(_, to, _)| *to)
}

#[cfg(test)]
mod tests {
    use crate::{Error, Monitor, Source};

    #[tokio::test]
    async fn each_way_into_a_node_has_a_count_of_its_own() -> Result<(), Error> {
        let monitor = Monitor::new();
        let [one, other] = [(), ()].map(|()| Source::new().monitored(&monitor));
        one.stream().union(other.stream()).sink(|_: i64| {});
        for x in 0..3 {
            one.emit(x).await?;
        }
        other.emit(3).await?;
        let status = monitor.status();
        let told = status.edges.iter().map(|edge| (&*status.nodes[edge.to].name, edge.records));
        assert_eq!(told.collect::<Vec<_>>(), [("union", 3), ("union", 1), ("sink", 4)]);
        Ok(())
    }
}
