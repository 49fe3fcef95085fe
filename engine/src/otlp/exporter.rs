//! What the SDK's thread does each few seconds.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::SpanExporter as _;

use super::latest::Latest;
use super::spans::Trace;
use crate::monitor::lock;

/// Sends the figures of a moment, and the spans that have ended since the one before.
pub(super) struct Exporter {
    latest: Arc<Latest>,
    metrics: MetricExporter,
    spans: SpanExporter,
    trace: Mutex<Trace>,
}

impl Exporter {
    pub(super) fn new(
        latest: Arc<Latest>,
        metrics: MetricExporter,
        mut spans: SpanExporter,
        trace: Trace,
        resource: &Resource,
    ) -> Self {
        spans.set_resource(resource);
        Self { latest, metrics, spans, trace: Mutex::new(trace) }
    }
}

impl PushMetricExporter for Exporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let moment = self.latest.take();
        let sent = self.metrics.export(metrics).await;
        let spans = lock(&self.trace).next(&self.latest.monitor, &moment);
        if spans.is_empty() {
            return sent;
        }
        let many = spans.len();
        // A collector may want one and not the other.
        let spans_sent = self.spans.export(spans).await;
        if spans_sent.is_err() {
            // It may have them all the same: they are not sent again.
            lock(&self.trace).leaves_out(many);
        }
        sent.and(spans_sent)
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.metrics.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.metrics.temporality()
    }
}
