//! Reads the counts as a status.

use std::sync::atomic::Ordering::Relaxed;

use super::functions::FunctionGauge;
use super::graph::{Edge, Vertex};
use super::{Monitor, lock};
use crate::layout;
use crate::metrics::{
    Buffer, Counts, EdgeStatus, FunctionStatus, Input, NodeStatus, PoolStatus, RunState, RunStatus, Status,
    WorkerStatus,
};

/// The size of nodes in a picture.
const WIDTH: f64 = 152.0;
const HEIGHT: f64 = 66.0;
const MARGIN: f64 = 12.0;
/// The extra width between nodes, for a figure.
const ROOM: f64 = 32.0;

/// The most faults and lines in a status.
const LATEST: usize = 50;

impl Monitor {
    /// The run at this moment. After its end only the log changes.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.watch().last.get() {
            Some(last) => Status { log: self.watch().log.latest(LATEST), ..(**last).clone() },
            None => self.read(),
        }
    }

    /// The run at this moment, whether it has ended or not.
    pub(super) fn read(&self) -> Status {
        let watch = self.watch();
        let functions: Vec<_> = lock(&watch.functions).iter().map(|gauge| gauge.status(function)).collect();
        let (nodes, edges) = watch.graph.read(|shape| {
            let inside: Vec<_> = shape.edges.iter().map(|edge| edge.flow.time_inside()).collect();
            let sum = |is: &dyn Fn(&Edge) -> bool| -> u64 {
                shape.edges.iter().zip(&inside).filter(|(edge, _)| is(edge)).map(|(_, inside)| inside).sum()
            };
            let own = |place: usize| {
                let inside = sum(&|edge| edge.to == place);
                // The nodes after it ran within its calls, unless it hands over to another task.
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
            let edges = shape.edges.iter().map(|Edge { from, to, flow }| {
                let only = shape.edges.iter().filter(|edge| edge.to == *to).count() == 1;
                let records = if only { nodes[*to].records } else { flow.records() };
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
            faults: watch.faults.read(LATEST),
            log: watch.log.latest(LATEST),
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

    /// The workers of all pools that have a cluster, or `None` if none has one.
    fn workers(&self) -> Option<Vec<WorkerStatus>> {
        let pools = lock(&self.watch().pools);
        let pools = pools.iter().filter_map(std::sync::Weak::upgrade);
        pools.filter_map(|pool| pool.workers()).reduce(|all, more| [all, more].concat())
    }

    fn pool(&self) -> PoolStatus {
        let pools = lock(&self.watch().pools);
        let pools = pools.iter().filter_map(std::sync::Weak::upgrade);
        pools.fold(PoolStatus::default(), |sum, pool| {
            let status = pool.status();
            PoolStatus {
                threads: sum.threads + status.threads,
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

/// The part of the bytes read that is done, estimated from the part of the records.
fn done(read: u64, counts: Counts) -> u64 {
    let (emitted, unfinished) = (u128::from(counts.emitted.max(1)), u128::from(counts.unfinished));
    let part = u128::from(read) * emitted.saturating_sub(unfinished) / emitted;
    u64::try_from(part).unwrap_or(read)
}

/// Gives the buffers of segments, which count nothing themselves, the count of the nodes after them.
fn pass_through(nodes: &mut [NodeStatus], edges: &[Edge]) {
    for place in (0..nodes.len()).rev() {
        if nodes[place].kind == "buffer" && nodes[place].records == 0 {
            let after = edges.iter().filter(|edge| edge.from == place).map(|edge| nodes[edge.to].records);
            nodes[place].records = after.max().unwrap_or(0);
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

/// The end of the bucket that contains this quantile.
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
    async fn each_edge_into_a_node_has_its_own_count() -> Result<(), Error> {
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
