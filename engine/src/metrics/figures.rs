//! The metrics that other programs collect, described once for Prometheus and OpenTelemetry.

use super::{FunctionStatus, NodeStatus, Status};

/// A metric: its name, and how it is read from a status.
pub(crate) struct Figure {
    /// Its name, with dots between the words.
    pub(crate) name: &'static str,
    /// Its description.
    pub(crate) help: &'static str,
    /// Its unit.
    pub(crate) unit: Unit,
    /// Whether it is a counter, which never falls.
    pub(crate) counts: bool,
    /// Its values, each with its labels. Times are in nanoseconds.
    pub(crate) values: fn(&Status) -> Vec<(Labels, u64)>,
}

/// The labels of a value. A place is among them, because several nodes or functions may have one name.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// The unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Records,
    Calls,
    Instances,
    Threads,
    Bytes,
    Seconds,
}

/// All metrics.
pub(crate) const FIGURES: [Figure; 17] = [
    counter("records.emitted", "Records that sources have emitted", Unit::Records, |status| {
        one(status.run.counts.emitted)
    }),
    counter("records.delivered", "Records that sinks have accepted", Unit::Records, |status| {
        one(status.run.counts.delivered)
    }),
    gauge("records.unfinished", "Records in segments that are not finished", Unit::Records, |status| {
        one(status.run.counts.unfinished)
    }),
    counter("faults", "Records that became faults", Unit::Records, |status| {
        let kinds = status.faults.kinds.iter();
        kinds.map(|(kind, count)| (vec![("kind", kind.to_string())], *count)).collect()
    }),
    counter("node.records", "Records that came to a node", Unit::Records, |status| {
        nodes(status, |node| Some(node.records))
    }),
    gauge("buffer.records", "Records that a node holds", Unit::Records, |status| {
        nodes(status, |node| Some(node.buffer?.filled))
    }),
    gauge("buffer.limit_records", "The most records that a node may hold", Unit::Records, |status| {
        nodes(status, |node| Some(node.buffer?.limit))
    }),
    counter("function.calls", "Calls of a function", Unit::Calls, |status| {
        functions(status, |function| function.calls)
    }),
    counter("function.records", "Records that a function was given", Unit::Records, |status| {
        functions(status, |function| function.records)
    }),
    counter("function.retired_instances", "Instances that were replaced", Unit::Instances, |status| {
        functions(status, |function| function.retired)
    }),
    counter("function.time", "Time that calls took", Unit::Seconds, |status| {
        functions(status, |function| function.nanos)
    }),
    gauge("function.memory_most", "The most memory that an instance had", Unit::Bytes, |status| {
        functions(status, |function| function.memory_most as u64)
    }),
    gauge("pool.instances", "Instances at this moment", Unit::Instances, |status| {
        one(status.pool.instances as u64)
    }),
    gauge("pool.instances_most", "The most instances at once", Unit::Instances, |status| {
        one(status.pool.instances_most as u64)
    }),
    gauge("pool.memory", "The memory of all instances", Unit::Bytes, |status| one(status.pool.memory as u64)),
    gauge("pool.memory_most", "The most memory of all instances at once", Unit::Bytes, |status| {
        one(status.pool.memory_most as u64)
    }),
    gauge("pool.threads", "Threads that run functions", Unit::Threads, |status| {
        one(status.pool.threads as u64)
    }),
];

type Values = fn(&Status) -> Vec<(Labels, u64)>;

const fn counter(name: &'static str, help: &'static str, unit: Unit, values: Values) -> Figure {
    Figure { name, help, unit, counts: true, values }
}

const fn gauge(name: &'static str, help: &'static str, unit: Unit, values: Values) -> Figure {
    Figure { name, help, unit, counts: false, values }
}

fn one(value: u64) -> Vec<(Labels, u64)> {
    vec![(vec![], value)]
}

fn nodes(status: &Status, value: fn(&NodeStatus) -> Option<u64>) -> Vec<(Labels, u64)> {
    let nodes = status.nodes.iter().enumerate().filter_map(|(place, node)| {
        let (name, kind) = (node.name.to_string(), node.kind.to_string());
        Some((vec![("node", name), ("kind", kind), ("place", place.to_string())], value(node)?))
    });
    nodes.collect()
}

fn functions(status: &Status, value: fn(&FunctionStatus) -> u64) -> Vec<(Labels, u64)> {
    let functions = status.functions.iter().enumerate().map(|(place, function)| {
        (vec![("function", function.name.to_string()), ("place", place.to_string())], value(function))
    });
    functions.collect()
}

/// Nanoseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "seconds with fractions")]
pub(crate) fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
