//! The figures as instruments of the SDK.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use super::latest::Latest;
use crate::metrics::figures::{FIGURES, Figure, Unit, seconds};

/// Has all figures observed at each export.
pub(super) fn register(meter: &Meter, latest: &Arc<Latest>) {
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
                instrument.with_callback(observe(figure, latest, $value)).build();
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

/// Tells an instrument what a figure is.
fn observe<T>(
    figure: &'static Figure,
    latest: &Arc<Latest>,
    told: fn(u64) -> T,
) -> impl Fn(&dyn AsyncInstrument<T>) + Send + Sync + use<T> {
    let latest = latest.clone();
    move |instrument| {
        for (labels, value) in (figure.values)(&latest.read().status) {
            let labels: Vec<_> = labels.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
            instrument.observe(told(value), &labels);
        }
    }
}
