//! What is said at the end of a run.

use std::time::Duration;

use bytesize::ByteSize;
use engine::{Counts, Fault, Usage};
use indicatif::HumanCount;
use serde_json::{Value, json};

use super::progress::rate;

/// How a run went.
pub(crate) struct Summary<'a> {
    pub(crate) counts: Counts,
    pub(crate) time: Duration,
    pub(crate) instances: usize,
    pub(crate) functions: Vec<(&'a str, Usage)>,
    pub(crate) fault: Option<&'a Fault>,
}

impl Summary<'_> {
    /// For people: a line about the run, and one about each function.
    pub(crate) fn text(&self) -> String {
        let Counts { emitted, delivered, faults, .. } = self.counts;
        let mut text = format!(
            "{} in · {} out · {} · {} · {} · {}\n",
            HumanCount(emitted),
            HumanCount(delivered),
            counted(faults, "fault"),
            short(self.time),
            rate(emitted, self.time),
            counted(self.instances as u64, "instance"),
        );
        for (name, usage) in &self.functions {
            if usage.calls == 0 {
                text += &format!("{name}: not called\n");
                continue;
            }
            text += &format!(
                "{name}: at most {} a record of {}, {} of memory of {}\n",
                short(usage.longest),
                humantime::format_duration(usage.timeout),
                ByteSize(usage.memory as u64),
                ByteSize(usage.memory_limit as u64),
            );
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// For scripts. Times in seconds, memory in bytes.
    pub(crate) fn json(&self) -> Value {
        let functions: Vec<_> = self.functions.iter().map(|(name, usage)| function(name, usage)).collect();
        json!({
            "records_in": self.counts.emitted,
            "records_out": self.counts.delivered,
            "faults": self.counts.faults,
            "fault": self.fault,
            "seconds": self.time.as_secs_f64(),
            "instances": self.instances,
            "functions": functions,
        })
    }
}

fn function(name: &str, usage: &Usage) -> Value {
    json!({
        "name": name,
        "calls": usage.calls,
        "records": usage.records,
        "seconds": usage.time.as_secs_f64(),
        "longest_record_seconds": usage.longest.as_secs_f64(),
        "timeout_seconds": usage.timeout.as_secs_f64(),
        "memory_bytes": usage.memory,
        "memory_limit_bytes": usage.memory_limit,
    })
}

/// `1 fault`, `2 faults`.
pub(crate) fn counted(n: u64, what: &str) -> String {
    format!("{} {what}{}", HumanCount(n), if n == 1 { "" } else { "s" })
}

/// A time with two or three digits: `1.02 s`, `38 ns`.
fn short(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        1.0.. => format!("{seconds:.2} s"),
        1e-3.. => format!("{:.1} ms", seconds * 1e3),
        1e-6.. => format!("{:.1} µs", seconds * 1e6),
        _ => format!("{:.0} ns", seconds * 1e9),
    }
}
