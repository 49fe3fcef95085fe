//! Metrics and traces of a run, sent to whoever collects them by OpenTelemetry's protocol (OTLP over HTTP).
//!
//! The figures are counted by the [`Monitor`]: the SDK's thread reads a status each few seconds and sends what it
//! says, and the calls and faults that are new. A run waits for none of it before its end.

mod client;
mod collector;
mod exporter;
mod instruments;
mod latest;
mod spans;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use tokio::sync::SetOnce;
use tokio::time::Instant;

use self::client::Client;
pub use self::collector::Collector;
use self::exporter::Exporter;
use self::latest::Latest;
use self::spans::Trace;
use crate::deadlines::COLLECTOR_END;
use crate::error::TelemetryError;
use crate::{Error, Monitor, threads};

/// So often is sent what is new, if `OTEL_METRIC_EXPORT_INTERVAL` does not say it.
const INTERVAL: Duration = Duration::from_secs(5);

/// What is sent is said to come from here, if `OTEL_SERVICE_NAME` does not say it.
const NAME: &str = "engine";

/// Sends a run's metrics and traces, until it is dropped: then the last figures are sent, and the span of the
/// run. Dropping it waits for that, 5 s at most; functions are told of while they are there, so it is dropped
/// before them.
///
/// Environment variables say what they say for other programs: `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`,
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
/// // What the monitor watches runs here.
/// monitor.end(None);
/// drop(otlp);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Otlp {
    provider: SdkMeterProvider,
    /// Until when what is left may be sent, once it ends.
    ending: Arc<SetOnce<Instant>>,
}

impl Otlp {
    /// Sends what a monitor sees to a collector. What can't be sent is left out; the first time that this happens,
    /// `on_failure` is told.
    ///
    /// # Errors
    ///
    /// If an environment variable can't be followed, or there are no threads or files left.
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
        let latest = Arc::new(Latest::new(monitor, ending.clone()));
        let resource = resource();
        let exporter = Exporter::new(
            latest.clone(),
            metrics.build().map_err(wrong)?,
            spans.build().map_err(wrong)?,
            Trace::new(monitor),
            &resource,
        );
        // The reader starts one, and does not say so if there is none.
        threads::need(1)?;
        let reader = PeriodicReader::builder(exporter).with_interval(interval()).build();
        let provider = SdkMeterProvider::builder().with_resource(resource).with_reader(reader).build();
        instruments::register(&provider.meter(NAME), &latest);
        Ok(Self { provider, ending })
    }
}

impl Drop for Otlp {
    fn drop(&mut self) {
        // It is set here alone.
        let _ = self.ending.set(Instant::now() + COLLECTOR_END.time);
        // What failed was told by the client.
        let _ = self.provider.shutdown();
    }
}

/// What tells this run's figures from others'.
fn resource() -> Resource {
    let given = std::env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty());
    let found = Resource::builder().build().get(&"service.name".into()).map(|name| name.to_string());
    let found = found.filter(|name| !name.starts_with("unknown_service"));
    let name = given.or(found).unwrap_or_else(|| NAME.to_owned());
    Resource::builder().with_service_name(name).build()
}

fn interval() -> Duration {
    let given = std::env::var("OTEL_METRIC_EXPORT_INTERVAL").ok().and_then(|millis| millis.parse().ok());
    given.filter(|millis| *millis > 0).map_or(INTERVAL, Duration::from_millis)
}
