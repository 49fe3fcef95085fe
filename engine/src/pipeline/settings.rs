//! Settings of the whole pipeline: its pool, and limits on functions that don't say otherwise.

use schemars::JsonSchema;
use serde::Deserialize;

use std::time::Duration;

use crate::executor::PoolBuilder;
use crate::function::Isolation;
use crate::nodes::{Count, Patience, Problem, Size, Time};

/// The pool that functions run on.
#[derive(Default, Deserialize, JsonSchema)]
pub(super) struct PoolOptions {
    /// Threads that run functions; one per core unless set.
    threads: Option<Count>,
    /// The former name of `threads`.
    #[schemars(extend("deprecated" = true))]
    workers: Option<Count>,
    /// Instances at once at most; 1,000 by default.
    instances: Option<Count>,
    /// Memory of all instances together at most; half of what the machine or its container has by default.
    total_memory: Option<Size>,
    /// How long an instance lives: until it fails, for a batch of records, or for one record.
    isolation: Option<Lives>,
}

/// How long an instance lives.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Lives {
    /// Until it fails, or its memory has grown: the fastest.
    #[serde(alias = "worker")]
    Thread,
    /// For one call, which may take many records.
    Batch,
    /// For one record.
    Record,
}

/// Limits on functions that don't say otherwise.
#[derive(Default, Deserialize, JsonSchema)]
pub(super) struct LimitOptions {
    /// Time for one record at most; 10s by default.
    timeout: Option<Time>,
    /// Memory of one instance at most; 64MiB by default.
    memory: Option<Size>,
    /// Outputs of one record at most; 32MiB by default.
    output_size: Option<Size>,
    /// What a function prints for people in a run at most; 1MiB by default.
    messages: Option<Size>,
    /// Stack of one call at most; 512KiB by default.
    stack: Option<Size>,
    /// A plugin's file at most; 100MiB by default.
    plugin_size: Option<Size>,
    /// Time to finish what was taken in once the run is told to end; 0 ends it at once. 30s by default.
    drain_timeout: Option<Patience>,
}

const MOST_THREADS: usize = 1024;

const MOST_INSTANCES: usize = 100_000;

/// Instances that are enough unless the file asks for more: their room can be kept then.
const INSTANCES: usize = 1000;

impl PoolOptions {
    /// Checks for what can't be had.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let once = match self.threads.is_some() && self.workers.is_some() {
            true => Err(Problem::at("workers", "workers: the former name of threads (remove one)")),
            false => Ok(()),
        };
        let at_most = |key: &str, count: &Option<Count>, most: usize| {
            let count = count.as_ref().map_or(0, |Count(count)| count.get());
            let wrong = || Problem::at(key, format!("{key}: {most} at most, not {count}"));
            if count > most { Err(wrong()) } else { Ok(()) }
        };
        let checks = [
            once,
            at_most("threads", &self.threads, MOST_THREADS),
            at_most("workers", &self.workers, MOST_THREADS),
            at_most("instances", &self.instances, MOST_INSTANCES),
        ];
        Problem::collect(checks).map(drop)
    }

    pub(super) fn apply(self, builder: PoolBuilder) -> PoolBuilder {
        let instances = self.instances.map_or(INSTANCES, |Count(instances)| instances.get());
        let mut builder = builder.instances(instances);
        if instances <= INSTANCES {
            builder = builder.keep_room();
        }
        if let Some(Count(threads)) = self.threads.or(self.workers) {
            builder = builder.threads(threads.get());
        }
        if let Some(Size(bytes)) = self.total_memory {
            builder = builder.total_memory(bytes);
        }
        match self.isolation {
            Some(Lives::Thread) => builder.isolation(Isolation::Thread),
            Some(Lives::Batch) => builder.isolation(Isolation::Batch),
            Some(Lives::Record) => builder.isolation(Isolation::Record),
            None => builder,
        }
    }
}

impl LimitOptions {
    pub(super) fn drain_timeout(&self) -> Option<Duration> {
        self.drain_timeout.as_ref().map(|Patience(time)| *time)
    }

    /// The most bytes that a plugin's file may have, if that is said.
    pub(super) fn plugin_size(&self) -> Option<u64> {
        self.plugin_size.as_ref().map(|Size(bytes)| *bytes as u64)
    }

    pub(super) fn apply(self, mut builder: PoolBuilder) -> PoolBuilder {
        if let Some(Time(timeout)) = self.timeout {
            builder = builder.timeout(timeout);
        }
        if let Some(Size(bytes)) = self.memory {
            builder = builder.memory(bytes);
        }
        if let Some(Size(bytes)) = self.output_size {
            builder = builder.output(bytes);
        }
        if let Some(Size(bytes)) = self.messages {
            builder = builder.messages(bytes);
        }
        if let Some(Size(bytes)) = self.stack {
            builder = builder.stack(bytes);
        }
        if let Some(Size(bytes)) = self.plugin_size {
            builder = builder.plugin_size(bytes as u64);
        }
        builder
    }
}
