//! What is said at the end of a run.

use std::time::Duration;

use bytesize::ByteSize;
use engine::{Compilation, Counts, Fault, Plugin, PoolUsage, Usage};
use indicatif::HumanCount;
use serde_json::{Value, json};

use super::progress::rate;

/// How a run went.
pub(crate) struct Summary<'a> {
    pub(crate) counts: Counts,
    pub(crate) time: Duration,
    pub(crate) pool: PoolUsage,
    pub(crate) functions: Vec<(&'a str, Usage)>,
    pub(crate) plugins: &'a [Plugin],
    pub(crate) fault: Option<&'a Fault>,
}

impl Summary<'_> {
    /// For people: a line about the run, one about all instances, one about each function, and one about
    /// each plugin that had to be compiled.
    pub(crate) fn text(&self) -> String {
        let Counts { emitted, delivered, faults, .. } = self.counts;
        let mut text = format!(
            "{} in · {} out · {} · {} · {}\n",
            HumanCount(emitted),
            HumanCount(delivered),
            counted(faults, "fault"),
            short(self.time),
            rate(emitted, self.time),
        );
        let PoolUsage { instances, instances_limit, memory, memory_limit, .. } = self.pool;
        text += &format!(
            "{} of {} · {} of {} memory\n",
            counted(instances as u64, "instance"),
            HumanCount(instances_limit as u64),
            ByteSize(memory as u64),
            ByteSize(memory_limit as u64),
        );
        for (name, usage) in &self.functions {
            if usage.calls == 0 {
                text += &format!("{name}: not called\n");
                continue;
            }
            text += &format!(
                "{name}: {} of {} a record · {} of {} memory · {} of {} output",
                short(usage.longest),
                humantime::format_duration(usage.timeout),
                ByteSize(usage.memory as u64),
                ByteSize(usage.memory_limit as u64),
                ByteSize(usage.output as u64),
                ByteSize(usage.output_limit as u64),
            );
            if usage.messages > 0 {
                let [used, limit] =
                    [usage.messages, usage.messages_limit].map(|bytes| ByteSize(bytes as u64));
                text += &format!(" · {used} of {limit} messages");
            }
            text.push('\n');
        }
        for plugin in self.plugins {
            text.extend(compiled(plugin));
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
            "instances": self.pool.instances,
            "instances_limit": self.pool.instances_limit,
            "memory_bytes": self.pool.memory,
            "memory_limit_bytes": self.pool.memory_limit,
            "stack_limit_bytes": self.pool.stack_limit,
            "functions": functions,
            "plugins": self.plugins.iter().map(plugin).collect::<Vec<_>>(),
        })
    }
}

/// A line about a plugin that was compiled for this run.
fn compiled(plugin: &Plugin) -> Option<String> {
    let Compilation { time, timeout, memory, memory_limit } = plugin.compilation()?;
    let size = format!("{} of {}", ByteSize(plugin.size()), ByteSize(plugin.size_limit()));
    let mut text = format!("{}: {size} · compiled in {}", plugin.path().display(), short(time));
    text.extend(timeout.map(|limit| format!(" of {}", humantime::format_duration(limit))));
    text.extend(memory.map(|bytes| format!(" · {}", ByteSize(bytes))));
    text.extend(memory.and(memory_limit).map(|limit| format!(" of {} memory", ByteSize(limit))));
    text.push('\n');
    Some(text)
}

fn plugin(plugin: &Plugin) -> Value {
    let compilation = plugin.compilation().map(|compilation| {
        json!({
            "seconds": compilation.time.as_secs_f64(),
            "timeout_seconds": compilation.timeout.map(|limit| limit.as_secs_f64()),
            "memory_bytes": compilation.memory,
            "memory_limit_bytes": compilation.memory_limit,
        })
    });
    json!({
        "path": plugin.path().display().to_string(),
        "bytes": plugin.size(),
        "limit_bytes": plugin.size_limit(),
        "compilation": compilation,
    })
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
        "largest_output_bytes": usage.output,
        "output_limit_bytes": usage.output_limit,
        "message_bytes": usage.messages,
        "messages_limit_bytes": usage.messages_limit,
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
