//! A run as a trace: a span for the run, and inside it one for each bar of calls and each fault.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SpanData, SpanEvents, SpanLinks};

use super::status_cache::ReadStatus;
use crate::Monitor;
use crate::metrics::{Bar, RecentFault, RunState, RunStatus};
use crate::monitor::Bookmark;

/// The most bars of calls in one export.
const MOST: usize = 512;

/// The trace of a run, and how much of it was sent.
pub(super) struct Trace {
    started: SystemTime,
    id: TraceId,
    run: SpanId,
    scope: InstrumentationScope,
    calls: Bookmark,
    /// The names of functions, which may be dropped before their calls are sent.
    names: Vec<String>,
    /// The number of the last fault that was sent.
    faults: u64,
    /// The end of the last call, in microseconds since the start.
    end: u64,
    left_out: u64,
    is_over: bool,
}

impl Trace {
    pub(super) fn new(monitor: &Monitor) -> Self {
        let ids = RandomIdGenerator::default();
        Self {
            started: UNIX_EPOCH + Duration::from_secs_f64(monitor.started()),
            id: ids.new_trace_id(),
            run: ids.new_span_id(),
            scope: InstrumentationScope::builder(super::environment::NAME)
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
            calls: Bookmark::default(),
            names: Vec::new(),
            faults: 0,
            end: 0,
            left_out: 0,
            is_over: false,
        }
    }

    /// The spans that have ended since the last export. The run's own span comes last.
    pub(super) fn next(&mut self, monitor: &Monitor, read: &ReadStatus) -> Vec<SpanData> {
        if self.is_over {
            return Vec::new();
        }
        let status = &read.status;
        let mut spans = Vec::new();
        let lanes = monitor.watch().calls.news(&mut self.calls, MOST);
        // A function is known before its first call has ended.
        let names = monitor.watch().names(self.names.len());
        self.names.extend(names);
        for lane in lanes {
            self.end = lane.bars.iter().fold(self.end, |end, bar| end.max(bar.to));
            spans.extend(lane.bars.iter().map(|bar| self.call(&lane.name, bar)));
        }
        let latest = status.faults.latest.iter().take_while(|fault| fault.number > self.faults).count();
        let (new, seen) = (&status.faults.latest[..latest], self.faults);
        self.faults = new.first().map_or(seen, |fault| fault.number);
        self.leaves_out(usize::try_from(self.faults - seen).unwrap_or(usize::MAX) - latest);
        spans.extend(new.iter().rev().map(|fault| self.fault(fault)));
        if read.is_last {
            self.is_over = true;
            spans.push(self.run(&status.run));
        }
        spans
    }

    /// Counts spans that could not be sent.
    pub(super) fn leaves_out(&mut self, spans: usize) {
        self.left_out += spans as u64;
    }

    fn call(&self, thread: &str, bar: &Bar) -> SpanData {
        let name = self.names.get(bar.function).map_or("function", |name| name);
        let attributes = vec![
            KeyValue::new("engine.function", name.to_owned()),
            KeyValue::new("engine.place", whole(bar.function as u64)),
            KeyValue::new("engine.records", whole(bar.records)),
            KeyValue::new("engine.calls", whole(bar.calls)),
            KeyValue::new("engine.busy", Duration::from_micros(bar.busy).as_secs_f64()),
            KeyValue::new("thread.name", thread.to_owned()),
        ];
        let status = if bar.failed { Status::error("a call failed") } else { Status::Unset };
        self.inside(name.to_owned(), (bar.from, bar.to), attributes, status)
    }

    /// The span of a fault. It does not contain the record, which may be confidential.
    fn fault(&self, fault: &RecentFault) -> SpanData {
        let attributes = vec![
            KeyValue::new("engine.function", String::from(fault.function.clone())),
            KeyValue::new("engine.record", whole(fault.record)),
            KeyValue::new("error.type", String::from(fault.kind.clone())),
        ];
        let at = fault.at * 1000;
        self.inside("fault".into(), (at, at), attributes, Status::error(String::from(fault.message.clone())))
    }

    fn run(&self, run: &RunStatus) -> SpanData {
        let counts = &run.counts;
        let state = match run.state {
            RunState::Running => "running",
            RunState::Paused => "paused",
            RunState::Draining => "draining",
            RunState::Done => "done",
            RunState::Drained => "drained",
            RunState::Stopped => "stopped",
            RunState::Failed => "failed",
        };
        let attributes = vec![
            KeyValue::new("engine.state", state),
            KeyValue::new("engine.records.emitted", whole(counts.emitted)),
            KeyValue::new("engine.records.delivered", whole(counts.delivered)),
            KeyValue::new("engine.records.faults", whole(counts.faults)),
            KeyValue::new("engine.records.unfinished", whole(counts.unfinished)),
            KeyValue::new("engine.spans.left_out", whole(self.left_out + self.calls.missed)),
        ];
        let status = match (run.state, &run.error) {
            (RunState::Failed, Some(error)) => Status::error(String::from(error.clone())),
            _ => Status::Unset,
        };
        let end = self.end.max(run.now * 1000);
        SpanData {
            span_context: self.context(self.run),
            parent_span_id: SpanId::INVALID,
            ..self.inside("engine run".into(), (0, end), attributes, status)
        }
    }

    /// A span inside the run's, from and to these microseconds since the start.
    fn inside(
        &self,
        name: String,
        (from, to): (u64, u64),
        attributes: Vec<KeyValue>,
        status: Status,
    ) -> SpanData {
        SpanData {
            span_context: self.context(RandomIdGenerator::default().new_span_id()),
            parent_span_id: self.run,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: self.started + Duration::from_micros(from),
            end_time: self.started + Duration::from_micros(to),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: self.scope.clone(),
        }
    }

    fn context(&self, span: SpanId) -> SpanContext {
        SpanContext::new(self.id, span, TraceFlags::SAMPLED, false, TraceState::NONE)
    }
}

/// A number as an attribute, which is signed.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
