//! Metrics and traces, as a collector receives them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use engine::otlp::Otlp;
use engine::{Monitor, Source, sinks};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, NumberDataPoint, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode as Ended};
use prost::Message;

use crate::support::{Did, engine, fed, function_of, hostile, plugin};

/// A collector on this machine that keeps what it receives.
struct Collector {
    address: String,
    requests: Receiver<Request>,
    /// Everything received so far.
    seen: Seen,
}

struct Request {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Default)]
struct Seen {
    /// The latest value of each metric, by its name and attributes' values, and its unit.
    figures: BTreeMap<(String, String), (f64, String)>,
    spans: Vec<Span>,
    resources: Vec<BTreeMap<String, String>>,
    headers: Vec<HeaderMap>,
}

impl Collector {
    fn start() -> Self {
        Self::answering(|_| StatusCode::OK)
    }

    fn answering(answer: fn(&str) -> StatusCode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        listener.set_nonblocking(true).unwrap();
        let (sender, requests) = mpsc::channel();
        let take = move |uri: Uri, headers: HeaderMap, body: Bytes| async move {
            let path = uri.path().to_owned();
            let status = answer(&path);
            // The test may have finished.
            let _ = sender.send(Request { path, headers, body });
            status
        };
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, Router::new().fallback(take)).await
            })
        });
        Self { address, requests, seen: Seen::default() }
    }

    /// Everything received.
    fn seen(&mut self) -> &Seen {
        while let Ok(request) = self.requests.try_recv() {
            self.seen.take(request);
        }
        &self.seen
    }

    /// Waits until a metric is at least this large.
    fn wait_for(&mut self, figure: &str, value: f64) {
        while self.seen.figure(figure, "") < value {
            self.seen.take(self.requests.recv_timeout(Duration::from_secs(60)).expect(figure));
        }
    }
}

impl Seen {
    fn take(&mut self, request: Request) {
        self.headers.push(request.headers);
        if request.path == "/base/v1/metrics" || request.path == "/v1/metrics" {
            self.take_metrics(ExportMetricsServiceRequest::decode(request.body).unwrap());
        } else {
            assert!(request.path.ends_with("/v1/traces"), "{}", request.path);
            for spans in ExportTraceServiceRequest::decode(request.body).unwrap().resource_spans {
                self.resources.push(resource(spans.resource));
                self.spans.extend(spans.scope_spans.into_iter().flat_map(|spans| spans.spans));
            }
        }
    }

    fn take_metrics(&mut self, sent: ExportMetricsServiceRequest) {
        for metrics in sent.resource_metrics {
            self.resources.push(resource(metrics.resource));
            for metric in metrics.scope_metrics.into_iter().flat_map(|metrics| metrics.metrics) {
                assert!(!metric.description.is_empty(), "{}", metric.name);
                let points = match metric.data.unwrap() {
                    Data::Gauge(gauge) => gauge.data_points,
                    Data::Sum(sum) => {
                        let cumulative = AggregationTemporality::Cumulative as i32;
                        assert!(sum.is_monotonic && sum.aggregation_temporality == cumulative);
                        sum.data_points
                    }
                    other => panic!("{other:?}"),
                };
                for point in points {
                    let key = (metric.name.clone(), labels(&point));
                    self.figures.insert(key, (value(&point), metric.unit.clone()));
                }
            }
        }
    }

    /// The value of a metric; 0 if it is missing.
    fn figure(&self, name: &str, labels: &str) -> f64 {
        self.figures.get(&(name.to_owned(), labels.to_owned())).map_or(0.0, |(value, _)| *value)
    }

    fn unit(&self, name: &str, labels: &str) -> &str {
        &self.figures[&(name.to_owned(), labels.to_owned())].1
    }

    /// The span of the run, and all others, which lie within it and were sent once.
    fn trace(&self) -> (&Span, Vec<&Span>) {
        let (runs, others): (Vec<_>, Vec<_>) =
            self.spans.iter().partition(|span| span.parent_span_id.is_empty());
        let [run] = runs[..] else { panic!("{} runs", runs.len()) };
        assert_eq!(run.name, "engine run");
        let ids: BTreeSet<_> = self.spans.iter().map(|span| &span.span_id).collect();
        assert_eq!(ids.len(), self.spans.len());
        for span in &others {
            assert_eq!((&span.trace_id, &span.parent_span_id), (&run.trace_id, &run.span_id));
            assert!(span.start_time_unix_nano >= run.start_time_unix_nano, "{span:?}\n{run:?}");
            assert!(span.end_time_unix_nano <= run.end_time_unix_nano, "{span:?}\n{run:?}");
            assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
        }
        (run, others)
    }

    /// How many records the calls of a function were given.
    fn records_of(&self, function: &str) -> u64 {
        let calls = self.trace().1.into_iter().filter(|span| span.name == function);
        calls.map(|span| attribute(span, "engine.records").parse::<u64>().unwrap()).sum()
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    }
}

fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let value = |attribute: &KeyValue| text(attribute.value.as_ref().and_then(|value| value.value.as_ref()));
    attributes.iter().map(|attribute| (attribute.key.clone(), value(attribute))).collect()
}

fn attribute(span: &Span, key: &str) -> String {
    attributes(&span.attributes).remove(key).unwrap_or_else(|| panic!("{key}: {span:?}"))
}

fn resource(resource: Option<Resource>) -> BTreeMap<String, String> {
    attributes(&resource.unwrap().attributes)
}

/// `inc 0`: the values in the order of their keys.
fn labels(point: &NumberDataPoint) -> String {
    attributes(&point.attributes).into_values().collect::<Vec<_>>().join(" ")
}

#[expect(clippy::cast_precision_loss, reason = "they are small")]
fn value(point: &NumberDataPoint) -> f64 {
    match point.value.unwrap() {
        number_data_point::Value::AsDouble(value) => value,
        number_data_point::Value::AsInt(value) => value as f64,
    }
}

/// A run of `inc` that sends to an address.
fn inc(address: &str) -> Command {
    engine(["run", "-q", "-p", &plugin("inc").display().to_string(), "--otlp", address])
}

fn numbers(count: u64) -> (String, String) {
    let lines = |from: u64| (from..from + count).map(|x| format!("{x}\n")).collect();
    (lines(0), lines(1))
}

#[test]
fn the_last_exported_metrics_match_the_run() {
    let mut collector = Collector::start();
    let mut command = inc(&format!("http://{}/base/", collector.address));
    command
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-token=a%20b,x-tenant=me")
        .env("OTEL_SERVICE_NAME", "numbers");
    command.env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test,service.name=other");
    let (input, output) = numbers(1000);
    let did = fed(command, input);
    assert_eq!((did.code, did.stderr, did.stdout), (Some(0), String::new(), output));
    let seen = collector.seen();
    for (name, labels, unit) in [
        ("engine.records.emitted", "", "{record}"),
        ("engine.records.delivered", "", "{record}"),
        ("engine.node.records", "lines lines 4", "{record}"),
        ("engine.function.records", "inc 0", "{record}"),
    ] {
        assert_eq!((seen.figure(name, labels), seen.unit(name, labels)), (1000.0, unit), "{name}");
    }
    assert_eq!(seen.unit("engine.function.time", "inc 0"), "s");
    assert!(seen.figure("engine.function.time", "inc 0") > 0.0);
    assert_eq!(seen.unit("engine.pool.memory_most", ""), "By");
    assert_eq!(seen.records_of("inc"), 1000);
    let (run, others) = seen.trace();
    assert!(others.iter().all(|span| span.name == "inc" && span.status.clone().unwrap().code == 0));
    let told = ["engine.state", "engine.records.delivered", "engine.spans.left_out"];
    assert_eq!(told.map(|key| attribute(run, key)), ["done", "1000", "0"]);
    // The metrics once and the spans once: the run was short.
    assert_eq!(seen.headers.len(), 2);
    for (headers, resource) in seen.headers.iter().zip(&seen.resources) {
        assert!(headers["x-token"] == "a b" && headers["x-tenant"] == "me", "{headers:?}");
        assert_eq!((&*resource["service.name"], &*resource["deployment.environment"]), ("numbers", "test"));
    }
}

#[test]
fn each_call_is_exported_once_during_the_run() {
    let mut collector = Collector::start();
    let mut command = inc(&collector.address);
    command.env("OTEL_METRIC_EXPORT_INTERVAL", "5");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for round in 1..=20 {
        stdin.write_all(b"1\n2\n3\n").unwrap();
        stdin.flush().unwrap();
        collector.wait_for("engine.records.delivered", f64::from(3 * round));
    }
    drop(stdin);
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert_eq!((child.wait().unwrap().code(), output), (Some(0), "2\n3\n4\n".repeat(20)));
    let seen = collector.seen();
    assert_eq!((seen.records_of("inc"), seen.figure("engine.function.records", "inc 0")), (60, 60.0));
    let names: BTreeSet<_> = seen.resources.iter().map(|resource| &*resource["service.name"]).collect();
    assert_eq!(names, BTreeSet::from(["engine"]));
}

/// A run of a function that fails for bad records.
fn fails(collector: &Collector, more: &[&str]) -> Did {
    let function = function_of(&hostile("misdeeds"), "fails");
    let mut command = engine(["run", "-q", "-p", &function, "--otlp", &collector.address]);
    command.args(more);
    fed(command, "good\nbad\ngood\n")
}

#[test]
fn a_fault_is_exported_with_its_record() {
    let mut collector = Collector::start();
    assert_eq!(fails(&collector, &["--on-fault", "skip"]).code, Some(0));
    let seen = collector.seen();
    let (run, others) = seen.trace();
    let faults: Vec<_> = others.into_iter().filter(|span| span.name == "fault").collect();
    let [fault] = faults[..] else { panic!("{} faults", faults.len()) };
    let status = fault.status.clone().unwrap();
    assert_eq!(status.code, Ended::Error as i32);
    let kind = attribute(fault, "error.type");
    assert_eq!(
        (attribute(fault, "engine.record"), attribute(fault, "engine.function")),
        ("2".into(), "fails".into())
    );
    assert!(!status.message.is_empty() && !kind.is_empty());
    assert_eq!(seen.figure("engine.faults", &kind), 1.0);
    assert_eq!(
        (run.status.clone().unwrap().code, attribute(run, "engine.records.faults")),
        (0, "1".to_owned())
    );
}

#[test]
fn a_failed_run_exports_its_error() {
    for more in [&[][..], &["--json"]] {
        let mut collector = Collector::start();
        assert_eq!(fails(&collector, more).code, Some(1));
        let (run, _) = collector.seen().trace();
        let status = run.status.clone().unwrap();
        assert_eq!((status.code, &*attribute(run, "engine.state")), (Ended::Error as i32, "failed"));
        assert!(status.message.contains("record 2"), "{}", status.message);
    }
}

#[test]
fn a_missing_collector_is_reported_once_and_changes_nothing() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut command = inc(&nobody);
    command.env("OTEL_METRIC_EXPORT_INTERVAL", "1");
    let (input, output) = numbers(1000);
    let did = fed(command, input);
    assert_eq!((did.code, did.stdout), (Some(0), output));
    let told = format!("engine: can't send metrics and traces to http://{nobody}: ");
    assert!(did.stderr.starts_with(&told) && did.stderr.lines().count() == 1, "{}", did.stderr);
    assert!(did.stderr.contains("refused"), "{}", did.stderr);
}

#[test]
fn a_collector_that_never_answers_does_not_delay_the_run() {
    // Connections are accepted by the system, and never read while this is alive.
    let stalled = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = inc(&stalled.local_addr().unwrap().to_string());
    command.env("OTEL_METRIC_EXPORT_INTERVAL", "1");
    let (input, output) = numbers(1000);
    let did = fed(command, input);
    assert_eq!((did.code, did.stdout), (Some(0), output));
    let told = did.stderr.trim_end();
    assert!(
        told.ends_with("the run ended before /v1/metrics was answered") && !told.contains('\n'),
        "{told}"
    );
    drop(stalled);
}

#[test]
fn an_invalid_collector_address_is_reported_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let mut command = inc("grpc://collector:4317");
    command.arg("-o").arg(&output);
    let did = fed(command, "");
    assert_eq!(did.code, Some(2));
    assert!(
        did.stderr.contains("--otlp") && did.stderr.contains("write http:// or https://"),
        "{}",
        did.stderr
    );
    assert!(!output.exists());
}

/// Emits some numbers in a program that uses the library, and returns what failed.
async fn program(address: &str) -> Vec<String> {
    let failures = Arc::new(Mutex::new(Vec::new()));
    let told = failures.clone();
    let monitor = Monitor::new();
    let tell = move |error| told.lock().unwrap().push(format!("{error:?}"));
    let otlp = Otlp::export(&monitor, &address.parse().unwrap(), tell).unwrap();
    let source = Source::new().monitored(&monitor);
    source.stream().map(|x: i64| 2 * x).sink(sinks::list().0);
    for x in 0..10 {
        source.emit(x).await.unwrap();
    }
    source.close().await.unwrap();
    monitor.end(None);
    drop(otlp);
    failures.lock().unwrap().clone()
}

#[tokio::test]
async fn a_program_exports_its_own_metrics() {
    let mut collector = Collector::start();
    assert_eq!(program(&collector.address).await, [""; 0]);
    let seen = collector.seen();
    assert_eq!(seen.figure("engine.node.records", "map map 1"), 10.0);
    assert_eq!(attribute(seen.trace().0, "engine.records.emitted"), "10");
}

#[tokio::test]
async fn a_traces_only_collector_gets_traces() {
    let refuse = |path: &str| if path == "/v1/metrics" { StatusCode::NOT_FOUND } else { StatusCode::OK };
    let mut collector = Collector::answering(refuse);
    let failures = program(&collector.address).await;
    let [told] = &failures[..] else { panic!("{failures:?}") };
    assert!(told.ends_with("/v1/metrics: the collector answered 404 Not Found"), "{told}");
    assert_eq!(attribute(collector.seen().trace().0, "engine.state"), "done");
}
