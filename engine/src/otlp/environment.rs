//! What environment variables say of the export.

use std::time::Duration;

use opentelemetry_sdk::Resource;

/// The default time between two exports.
const INTERVAL: Duration = Duration::from_secs(5);

/// The default name of the service that sends the figures.
pub(super) const NAME: &str = "engine";

/// The service that sends the figures: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`.
pub(super) fn resource() -> Resource {
    let given = std::env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty());
    let found = Resource::builder().build().get(&"service.name".into()).map(|name| name.to_string());
    let found = found.filter(|name| !name.starts_with("unknown_service"));
    let name = given.or(found).unwrap_or_else(|| NAME.to_owned());
    Resource::builder().with_service_name(name).build()
}

/// The time between two exports: `OTEL_METRIC_EXPORT_INTERVAL`.
pub(super) fn interval() -> Duration {
    let given = std::env::var("OTEL_METRIC_EXPORT_INTERVAL").ok().and_then(|millis| millis.parse().ok());
    given.filter(|millis| *millis > 0).map_or(INTERVAL, Duration::from_millis)
}
