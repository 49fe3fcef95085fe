//! The status as Prometheus reads it (OpenMetrics).

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text::encode};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::Monitor;
use crate::metrics::{FunctionStatus, NodeStatus, Status};

pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All figures, with their help and units.
pub(super) fn text(monitor: &Monitor) -> String {
    let mut registry = Registry::with_prefix("engine");
    registry.register_collector(Box::new(Run(monitor.status())));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a text takes what is written to it");
    text
}

#[derive(Debug)]
struct Run(Status);

/// Two nodes, or functions, may have one name: their places tell them apart.
type Labels = Vec<(&'static str, String)>;

#[expect(clippy::cast_precision_loss, reason = "seconds with fractions")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// Writes a metric with a value for each of some labels.
fn each<M: EncodeMetric>(
    encoder: &mut DescriptorEncoder,
    (name, help, unit): (&str, &str, Option<&Unit>),
    values: impl IntoIterator<Item = (Labels, M)>,
) -> Result<(), std::fmt::Error> {
    let mut values = values.into_iter().peekable();
    let Some((_, first)) = values.peek() else { return Ok(()) };
    let kind = first.metric_type();
    let mut metric = encoder.encode_descriptor(name, help, unit, kind)?;
    for (labels, value) in values {
        if labels.is_empty() {
            value.encode(metric.encode_family(&NONE)?)?;
        } else {
            value.encode(metric.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

const NONE: [(&str, &str); 0] = [];

impl Collector for Run {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let encoder = &mut encoder;
        let Status { run, nodes, functions, pool, faults, .. } = &self.0;
        let counts = [
            ("records_emitted", "Records that sources have emitted", run.counts.emitted),
            ("records_delivered", "Records that sinks have taken", run.counts.delivered),
        ];
        for (name, help, value) in counts {
            each(encoder, (name, help, None), [(vec![], ConstCounter::new(value))])?;
        }
        let unfinished = ConstGauge::new(run.counts.unfinished);
        each(encoder, ("records_unfinished", "Records on the pool", None), [(vec![], unfinished)])?;
        let kinds = faults
            .kinds
            .iter()
            .map(|(kind, count)| (vec![("kind", kind.clone())], ConstCounter::new(*count)));
        each(encoder, ("faults", "Records that became faults", None), kinds)?;
        let named = |value: fn(&NodeStatus) -> Option<u64>| {
            nodes.iter().enumerate().filter_map(move |(place, node)| {
                let (name, kind) = (node.name.clone(), node.kind.clone());
                let labels = vec![("node", name), ("kind", kind), ("place", place.to_string())];
                Some((labels, value(node)?))
            })
        };
        let records =
            named(|node| Some(node.records)).map(|(labels, value)| (labels, ConstCounter::new(value)));
        each(encoder, ("node_records", "Records that came to a node", None), records)?;
        let filled =
            named(|node| Some(node.buffer?.filled)).map(|(labels, value)| (labels, ConstGauge::new(value)));
        each(encoder, ("buffer_records", "Records that wait or are unfinished in a node", None), filled)?;
        let limit =
            named(|node| Some(node.buffer?.limit)).map(|(labels, value)| (labels, ConstGauge::new(value)));
        each(encoder, ("buffer_limit_records", "How many may be", None), limit)?;
        let of = || {
            functions.iter().enumerate().map(|(place, function)| {
                (vec![("function", function.name.clone()), ("place", place.to_string())], function)
            })
        };
        type Of = fn(&FunctionStatus) -> u64;
        let counters: [(&str, &str, Of); 3] = [
            ("function_calls", "Calls of a function", |function| function.calls),
            ("function_records", "Records that a function was given", |function| function.records),
            ("function_retired_instances", "Instances that were given up", |function| function.retired),
        ];
        for (name, help, value) in counters {
            let values = of().map(|(labels, function)| (labels, ConstCounter::new(value(function))));
            each(encoder, (name, help, None), values)?;
        }
        let time = of().map(|(labels, function)| (labels, ConstCounter::new(seconds(function.nanos))));
        each(encoder, ("function_time", "Time that calls took", Some(&Unit::Seconds)), time)?;
        let memory = of().map(|(labels, function)| (labels, ConstGauge::new(function.memory_most as u64)));
        each(
            encoder,
            ("function_memory_most", "The most memory of an instance", Some(&Unit::Bytes)),
            memory,
        )?;
        let gauges = [
            ("pool_instances", "Instances that there are", None, pool.instances as u64),
            ("pool_instances_most", "The most instances at once", None, pool.instances_most as u64),
            ("pool_memory", "The memory of all instances", Some(&Unit::Bytes), pool.memory as u64),
            ("pool_memory_most", "The most of it at once", Some(&Unit::Bytes), pool.memory_most as u64),
            ("pool_workers", "Threads that run functions", None, pool.workers as u64),
        ];
        for (name, help, unit, value) in gauges {
            each(encoder, (name, help, unit), [(vec![], ConstGauge::new(value))])?;
        }
        Ok(())
    }
}
