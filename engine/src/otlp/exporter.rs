//! What the SDK's thread does at each export.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::SpanExporter as _;

use super::spans::Trace;
use super::status_cache::StatusCache;
use crate::monitor::lock;

/// Sends the figures, and the spans that have ended since the last export.
pub(super) struct Exporter {
    cache: Arc<StatusCache>,
    metrics: MetricExporter,
    spans: SpanExporter,
    trace: Mutex<Trace>,
}

impl Exporter {
    pub(super) fn new(
        cache: Arc<StatusCache>,
        metrics: MetricExporter,
        mut spans: SpanExporter,
        trace: Trace,
        resource: &Resource,
    ) -> Self {
        spans.set_resource(resource);
        Self { cache, metrics, spans, trace: Mutex::new(trace) }
    }
}

impl PushMetricExporter for Exporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let status = self.cache.take();
        let sent = self.metrics.export(metrics).await;
        let spans = lock(&self.trace).next(&self.cache.monitor, &status);
        if spans.is_empty() {
            return sent;
        }
        let count = spans.len();
        // A collector may accept metrics and refuse spans.
        let spans_sent = self.spans.export(spans).await;
        if spans_sent.is_err() {
            // They are not sent again, because the collector may have them.
            lock(&self.trace).leaves_out(count);
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
