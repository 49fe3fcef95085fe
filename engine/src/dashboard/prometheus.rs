//! The status as metrics for Prometheus (OpenMetrics).

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text::encode};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{self, Registry};

use crate::Monitor;
use crate::metrics::Status;
use crate::metrics::figures::{FIGURES, Figure, Labels, Unit, seconds};

pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics, with their help and units.
pub(super) fn text(monitor: &Monitor) -> String {
    let mut registry = Registry::with_prefix("engine");
    registry.register_collector(Box::new(StatusCollector(monitor.status())));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a text takes what is written to it");
    text
}

#[derive(Debug)]
struct StatusCollector(Status);

impl Collector for StatusCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        for figure in &FIGURES {
            let values = (figure.values)(&self.0).into_iter();
            let encoder = &mut encoder;
            match (figure.counts, figure.unit) {
                (true, Unit::Seconds) => each(encoder, figure, values, |v| ConstCounter::new(seconds(v))),
                (true, _) => each(encoder, figure, values, ConstCounter::new),
                (false, Unit::Seconds) => each(encoder, figure, values, |v| ConstGauge::new(seconds(v))),
                (false, _) => each(encoder, figure, values, ConstGauge::new),
            }?;
        }
        Ok(())
    }
}

/// Writes a metric with a value for each set of labels.
fn each<M: EncodeMetric>(
    encoder: &mut DescriptorEncoder,
    figure: &Figure,
    values: impl Iterator<Item = (Labels, u64)>,
    metric: impl Fn(u64) -> M,
) -> Result<(), std::fmt::Error> {
    let mut values = values.map(|(labels, value)| (labels, metric(value))).peekable();
    let Some((_, first)) = values.peek() else { return Ok(()) };
    let kind = first.metric_type();
    let unit = match figure.unit {
        Unit::Bytes => Some(&registry::Unit::Bytes),
        Unit::Seconds => Some(&registry::Unit::Seconds),
        _ => None,
    };
    let name = figure.name.replace('.', "_");
    let mut metric = encoder.encode_descriptor(&name, figure.help, unit, kind)?;
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
