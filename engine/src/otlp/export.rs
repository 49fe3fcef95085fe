//! The export of a run: what an `Otlp` sets up and ends.

use std::sync::Arc;

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use tokio::sync::SetOnce;
use tokio::time::Instant;

use super::client::Client;
use super::collector::Collector;
use super::exporter::Exporter;
use super::spans::Trace;
use super::status_cache::StatusCache;
use super::{environment, instruments};
use crate::deadlines::COLLECTOR_END;
use crate::error::TelemetryError;
use crate::{Error, Monitor, threads};

/// Sends a run's metrics and traces until it is dropped. Dropping it sends the last figures and the run's span, and
/// waits for that at most 5 s. Drop it before the functions, because it reports on them while they exist.
///
/// These environment variables have their usual meaning: `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`,
/// `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_EXPORTER_OTLP_TIMEOUT`, `OTEL_EXPORTER_OTLP_COMPRESSION` and
/// `OTEL_METRIC_EXPORT_INTERVAL`.
///
/// ```no_run
/// # fn main() -> Result<(), engine::Error> {
/// use engine::otlp::Otlp;
/// use engine::Monitor;
///
/// let monitor = Monitor::new();
/// let otlp = Otlp::export(&monitor, &"127.0.0.1:4318".parse()?, |error| eprintln!("{error:?}"))?;
/// // The run that the monitor watches goes here.
/// monitor.end(None);
/// drop(otlp);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Otlp {
    provider: SdkMeterProvider,
    /// The deadline of the last export, set when it ends.
    ending: Arc<SetOnce<Instant>>,
}

impl Otlp {
    /// Sends what a monitor sees to a collector. What can't be sent is dropped, and `on_failure` is called for the
    /// first such failure.
    ///
    /// # Errors
    ///
    /// If an environment variable is invalid, or the system has no more threads or files.
    pub fn export(
        monitor: &Monitor,
        collector: &Collector,
        on_failure: impl Fn(Error) + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Telemetry(TelemetryError::Send { url: collector.to_string(), source });
        let wrong = |source: ExporterBuildError| failed(Arc::new(source));
        let ending = Arc::new(SetOnce::new());
        let client = Client::new(collector, ending.clone(), on_failure).map_err(failed)?;
        let client = Arc::new(client);
        let metrics = MetricExporter::builder()
            .with_http()
            .with_shared_http_client(client.clone())
            .with_endpoint(collector.endpoint("metrics"))
            .with_protocol(Protocol::HttpBinary)
            .with_retry_policy(RetryPolicy::disabled());
        let spans = SpanExporter::builder()
            .with_http()
            .with_shared_http_client(client)
            .with_endpoint(collector.endpoint("traces"))
            .with_protocol(Protocol::HttpBinary)
            .with_retry_policy(RetryPolicy::disabled());
        let cache = Arc::new(StatusCache::new(monitor, ending.clone()));
        let resource = environment::resource();
        let exporter = Exporter::new(
            cache.clone(),
            metrics.build().map_err(wrong)?,
            spans.build().map_err(wrong)?,
            Trace::new(monitor),
            &resource,
        );
        // The reader starts a thread, and reports no error if it can't.
        threads::need(1)?;
        let reader = PeriodicReader::builder(exporter).with_interval(environment::interval()).build();
        let provider = SdkMeterProvider::builder().with_resource(resource).with_reader(reader).build();
        instruments::register(&provider.meter(environment::NAME), &cache);
        Ok(Self { provider, ending })
    }
}

impl Drop for Otlp {
    fn drop(&mut self) {
        // It is set only here.
        let _ = self.ending.set(Instant::now() + COLLECTOR_END.time);
        // The client has reported failures.
        let _ = self.provider.shutdown();
    }
}
