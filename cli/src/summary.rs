//! What is said at the end of a run.

use std::time::Duration;

use bytesize::ByteSize;
use engine::function::{PoolUsage, Usage};
use engine::metrics::Counts;
use engine::plugin::Compilation;
use engine::wall;
use engine::{Fault, Plugin};
use indicatif::HumanCount;
use serde_json::{Value, json};

use super::progress::rate;

/// How a run went.
pub(crate) struct Summary<'a> {
    pub(crate) counts: Counts,
    pub(crate) time: Duration,
    pub(crate) pool: PoolUsage,
    pub(crate) functions: Vec<(&'a str, Usage)>,
    /// Each once.
    pub(crate) plugins: Vec<&'a Plugin>,
    pub(crate) fault: Option<&'a Fault>,
}

impl Summary<'_> {
    /// For people, within 80 columns: the run, a line about each function, and one about each plugin that
    /// had to be compiled.
    pub(crate) fn text(&self) -> String {
        let Counts { emitted, delivered, faults, .. } = self.counts;
        let PoolUsage { instances, instances_limit, memory, memory_limit, .. } = self.pool;
        let mut text = format!(
            "{} in · {} out · {} · {} · {}\n{} of {} · {} memory\n",
            HumanCount(emitted),
            HumanCount(delivered),
            counted(faults, "fault"),
            short(self.time),
            rate(emitted, self.time),
            counted(instances as u64, "instance"),
            HumanCount(instances_limit as u64),
            of(memory as u64, memory_limit as u64),
        );
        text.extend(self.short_of());
        let called = self.functions.iter().filter(|(_, usage)| usage.calls > 0);
        let rows: Vec<_> = called.map(|(name, usage)| row(name, usage)).collect();
        let heads = ["", "longest record", "most memory", "largest output"].map(str::to_owned);
        let widths: Vec<_> = (0..4)
            .map(|column| {
                rows.iter().chain([&heads]).map(|row| row[column].chars().count()).max().unwrap_or(0)
            })
            .collect();
        let head = (!rows.is_empty()).then_some(&heads);
        for row in head.into_iter().chain(&rows) {
            let cells: Vec<_> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            text += cells.join("   ").trim_end();
            text.push('\n');
        }
        for (name, usage) in &self.functions {
            if usage.calls == 0 {
                text += &format!("{name} was not called\n");
            }
            if usage.frozen_clock {
                text += &format!("{name} read the time of day, which it does not declare: it found 1970\n");
            }
            if usage.repeated.total() > 0 {
                let (calls, why) = (counted(usage.repeated.total(), "call"), usage.repeated);
                text += &format!("{name}: {calls} repeated, without a loss: {why}\n");
            }
            if usage.retired.grown + usage.retired.failed > 0 {
                let (instances, why) = (counted(usage.retired.total(), "instance"), usage.retired);
                text += &format!("{name}: {instances} retired: {why}\n");
            }
            if usage.messages > 0 {
                let messages = of(usage.messages as u64, usage.messages_limit as u64);
                text += &format!("{name} wrote {messages} of messages\n");
            }
        }
        text.extend(self.plugins.iter().copied().filter_map(compiled));
        text.extend(wall::raised().and_then(incomplete).map(|line| line + "\n"));
        text.truncate(text.trim_end().len());
        text
    }

    /// What functions had all of, or lost.
    fn short_of(&self) -> Option<String> {
        let PoolUsage { descriptors, descriptors_limit, stuck_threads, .. } = self.pool;
        if stuck_threads > 0 {
            let threads = counted(stuck_threads as u64, "thread");
            return Some(format!(
                "{threads} still in a function's file operations, which did not return in time\n"
            ));
        }
        // An instance has four of its own.
        let short = descriptors.saturating_add(4) > descriptors_limit;
        short
            .then(|| format!("functions held all {descriptors_limit} files that they may open (ulimit -n)\n"))
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
            "descriptors": self.pool.descriptors,
            "descriptors_limit": self.pool.descriptors_limit,
            "disk_bytes": self.pool.disk,
            "stuck_threads": self.pool.stuck_threads,
            "memory_bytes": self.pool.memory,
            "memory_limit_bytes": self.pool.memory_limit,
            "stack_limit_bytes": self.pool.stack_limit,
            "functions": functions,
            "plugins": self.plugins.iter().copied().map(plugin).collect::<Vec<_>>(),
            "wall": wall::raised(),
        })
    }
}

/// The same, if something around this process forbids a part of the wall: that is worth a line without a summary.
pub(super) fn forbidden() -> Option<String> {
    wall::raised().filter(|wall| !wall.refused.is_empty()).and_then(incomplete)
}

/// A line about what is missing of the wall.
fn incomplete(wall: &wall::Raised) -> Option<String> {
    let lacks = wall.missing.iter().map(|part| format!("this kernel lacks {}", part.need()));
    let forbids = wall.refused.iter().map(|part| format!("this system forbids {}", part.need()));
    let missing: Vec<_> = lacks.chain(forbids).collect();
    (!missing.is_empty()).then(|| format!("the wall is incomplete: {}", missing.join(", ")))
}

/// What a function used at most, against its limits.
fn row(name: &str, usage: &Usage) -> [String; 4] {
    [
        name.to_owned(),
        format!("{} of {}", short(usage.longest), humantime::format_duration(usage.timeout)),
        of(usage.memory as u64, usage.memory_limit as u64),
        of(usage.output as u64, usage.output_limit as u64),
    ]
}

/// A line about a plugin that was compiled for this run.
fn compiled(plugin: &Plugin) -> Option<String> {
    let Compilation { time, timeout, resident, memory_limit, .. } = plugin.compilation()?;
    let name = plugin.path().file_name().unwrap_or_default().to_string_lossy();
    let file = of(plugin.size(), plugin.size_limit());
    let mut text = format!("{name}: {file} · compiled in {}", short(time));
    text.extend(timeout.map(|limit| format!(" of {}", humantime::format_duration(limit))));
    text.extend(resident.map(|bytes| format!(", {} resident", size(bytes))));
    text.extend(memory_limit.map(|limit| format!(", limit {}", size(limit))));
    text.push('\n');
    Some(text)
}

/// `1.1 MiB of 64 MiB`.
fn of(used: u64, limit: u64) -> String {
    [used, limit].map(size).join(" of ")
}

fn size(bytes: u64) -> String {
    ByteSize(bytes).to_string().replace(".0 ", " ")
}

fn plugin(plugin: &Plugin) -> Value {
    let compilation = plugin.compilation().map(|compilation| {
        json!({
            "seconds": compilation.time.as_secs_f64(),
            "timeout_seconds": compilation.timeout.map(|limit| limit.as_secs_f64()),
            "resident_bytes": compilation.resident,
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
        "frozen_clock": usage.frozen_clock,
        "repeated_calls": usage.repeated,
        "retired_instances": usage.retired,
    })
}

/// `1 fault`, `2 faults`.
pub(crate) fn counted(n: u64, what: &str) -> String {
    format!("{} {what}{}", HumanCount(n), if n == 1 { "" } else { "s" })
}

/// A time with two or three digits: `1.02 s`, `125 ms`, `38 ns`.
fn short(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        1.0.. => format!("{seconds:.2} s"),
        0.1.. => format!("{:.0} ms", seconds * 1e3),
        1e-3.. => format!("{:.1} ms", seconds * 1e3),
        1e-6.. => format!("{:.1} µs", seconds * 1e6),
        _ => format!("{:.0} ns", seconds * 1e9),
    }
}
