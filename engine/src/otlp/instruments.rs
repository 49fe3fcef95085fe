//! The metrics as instruments of the SDK.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use super::status_cache::StatusCache;
use crate::metrics::figures::{FIGURES, Figure, Unit, seconds};

/// Registers an instrument for each metric.
pub(super) fn register(meter: &Meter, cache: &Arc<StatusCache>) {
    for figure in &FIGURES {
        let name = format!("engine.{}", figure.name);
        let unit = match figure.unit {
            Unit::Records => "{record}",
            Unit::Calls => "{call}",
            Unit::Instances => "{instance}",
            Unit::Threads => "{thread}",
            Unit::Bytes => "By",
            Unit::Seconds => "s",
        };
        macro_rules! observed {
            ($instrument:ident, $value:expr) => {{
                let instrument = meter.$instrument(name).with_unit(unit).with_description(figure.help);
                instrument.with_callback(observe(figure, cache, $value)).build();
            }};
        }
        match (figure.counts, figure.unit) {
            (true, Unit::Seconds) => observed!(f64_observable_counter, seconds),
            (true, _) => observed!(u64_observable_counter, |value| value),
            (false, Unit::Seconds) => observed!(f64_observable_gauge, seconds),
            (false, _) => observed!(u64_observable_gauge, |value| value),
        }
    }
}

/// Gives an instrument its values at each export.
fn observe<T>(
    figure: &'static Figure,
    cache: &Arc<StatusCache>,
    convert: fn(u64) -> T,
) -> impl Fn(&dyn AsyncInstrument<T>) + Send + Sync + use<T> {
    let cache = cache.clone();
    move |instrument| {
        for (labels, value) in (figure.values)(&cache.read().status) {
            let labels: Vec<_> = labels.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
            instrument.observe(convert(value), &labels);
        }
    }
}
