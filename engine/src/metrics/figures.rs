//! The figures that other programs collect, described once for all of them.

use super::{FunctionStatus, NodeStatus, Status};

/// A figure: what it is called, and how it is read.
pub(crate) struct Figure {
    /// Its words, with dots between them.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) help: &'static str,
    /// In what it is told.
    pub(crate) unit: Unit,
    /// Whether it never falls.
    pub(crate) counts: bool,
    /// A value for each of some labels; of time, in nanoseconds.
    pub(crate) values: fn(&Status) -> Vec<(Labels, u64)>,
}

/// Two nodes, or functions, may have one name: their places tell them apart.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// In what a figure is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Records,
    Calls,
    Instances,
    Threads,
    Bytes,
    Seconds,
}

/// All of them.
pub(crate) const FIGURES: [Figure; 17] = [
    counter("records.emitted", "Records that sources have emitted", Unit::Records, |status| {
        one(status.run.counts.emitted)
    }),
    counter("records.delivered", "Records that sinks have taken", Unit::Records, |status| {
        one(status.run.counts.delivered)
    }),
    gauge("records.unfinished", "Records on the pool", Unit::Records, |status| {
        one(status.run.counts.unfinished)
    }),
    counter("faults", "Records that became faults", Unit::Records, |status| {
        let kinds = status.faults.kinds.iter();
        kinds.map(|(kind, count)| (vec![("kind", kind.to_string())], *count)).collect()
    }),
    counter("node.records", "Records that came to a node", Unit::Records, |status| {
        nodes(status, |node| Some(node.records))
    }),
    gauge("buffer.records", "Records that wait or are unfinished in a node", Unit::Records, |status| {
        nodes(status, |node| Some(node.buffer?.filled))
    }),
    gauge("buffer.limit_records", "How many may be", Unit::Records, |status| {
        nodes(status, |node| Some(node.buffer?.limit))
    }),
    counter("function.calls", "Calls of a function", Unit::Calls, |status| {
        functions(status, |function| function.calls)
    }),
    counter("function.records", "Records that a function was given", Unit::Records, |status| {
        functions(status, |function| function.records)
    }),
    counter("function.retired_instances", "Instances that were given up", Unit::Instances, |status| {
        functions(status, |function| function.retired)
    }),
    counter("function.time", "Time that calls took", Unit::Seconds, |status| {
        functions(status, |function| function.nanos)
    }),
    gauge("function.memory_most", "The most memory of an instance", Unit::Bytes, |status| {
        functions(status, |function| function.memory_most as u64)
    }),
    gauge("pool.instances", "Instances that there are", Unit::Instances, |status| {
        one(status.pool.instances as u64)
    }),
    gauge("pool.instances_most", "The most instances at once", Unit::Instances, |status| {
        one(status.pool.instances_most as u64)
    }),
    gauge("pool.memory", "The memory of all instances", Unit::Bytes, |status| one(status.pool.memory as u64)),
    gauge("pool.memory_most", "The most of it at once", Unit::Bytes, |status| {
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

/// Time as it is told.
#[expect(clippy::cast_precision_loss, reason = "seconds with fractions")]
pub(crate) fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
