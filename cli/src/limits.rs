//! Flags that limit what functions may use.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use engine::Pool;
use engine::function::Isolation;
use engine::machine::Machine;
use engine::plugin::Compiler;
use engine::pool::PoolBuilder;

use super::args::{size, time};

/// Limits on what functions may use.
#[derive(clap::Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Time limit for one record, such as 500ms; a plain number is seconds
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    timeout: Duration,
    /// Memory limit of one instance, including its tables
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size)]
    memory: usize,
    /// Memory limit of all instances together; at the limit no new instances start [default: half of the
    /// memory of the machine or its container]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    total_memory: Option<usize>,
    /// Stack limit of one call
    #[arg(long, value_name = "SIZE", default_value = "512KiB", value_parser = stack)]
    stack: usize,
    /// Size limit for the outputs of one record
    #[arg(long, value_name = "SIZE", default_value = "32MiB", value_parser = size)]
    output_size: usize,
    /// Size limit for what one function prints for people during a run; the rest is dropped
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = size)]
    messages: usize,
    /// How long an instance lives: thread until it fails or grows too large, batch for one batch of records,
    /// record for one record, which then finds a sandbox that no other record has used
    #[arg(long, value_name = "thread|batch|record", default_value = "thread", hide_possible_values = true)]
    isolation: IsolationArg,
    #[command(flatten)]
    compile: CompileArgs,
}

/// Limits on compiling a plugin.
#[derive(clap::Args)]
pub(crate) struct CompileArgs {
    /// Size limit of a plugin's file
    #[arg(long, value_name = "SIZE", default_value = "100MiB", value_parser = size)]
    plugin_size: usize,
    /// Time limit for compiling one plugin
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    compile_timeout: Duration,
    /// Memory limit for compiling one plugin
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = size)]
    compile_memory: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum IsolationArg {
    #[value(alias = "worker")]
    Thread,
    Batch,
    Record,
}

impl LimitArgs {
    /// The limits as flags for another process.
    #[cfg(feature = "cluster")]
    pub(crate) fn given(&self) -> Vec<String> {
        let Self { timeout, memory, total_memory, stack, output_size, messages, .. } = self;
        vec![
            format!("--timeout={}ms", timeout.as_millis()),
            format!("--memory={memory}B"),
            format!("--total-memory={}B", total_memory.unwrap_or_else(|| Machine::here().guest_memory())),
            format!("--stack={stack}B"),
            format!("--output-size={output_size}B"),
            format!("--messages={messages}B"),
        ]
    }

    /// The compiler of plugins, in a process of its own.
    pub(crate) fn compiler(&self) -> anyhow::Result<Compiler> {
        self.compile.compiler()
    }

    /// A compiler that also writes to the cache, for a process that may not.
    #[cfg(feature = "cluster")]
    pub(crate) fn keeping_compiler(&self) -> anyhow::Result<Compiler> {
        self.compile.keeping_compiler()
    }

    /// The most bytes that a plugin's file may have.
    pub(crate) fn plugin_size(&self) -> u64 {
        self.compile.plugin_size()
    }

    pub(crate) fn pool(&self) -> anyhow::Result<PoolBuilder> {
        let isolation = match self.isolation {
            IsolationArg::Thread => Isolation::Thread,
            IsolationArg::Batch => Isolation::Batch,
            IsolationArg::Record => Isolation::Record,
        };
        let pool = self.total_memory.into_iter().fold(self.compile.pool()?, PoolBuilder::total_memory);
        Ok(pool
            .timeout(self.timeout)
            .memory(self.memory)
            .stack(self.stack)
            .output(self.output_size)
            .messages(self.messages)
            .isolation(isolation))
    }
}

/// A pool that compiles in a process of its own, within the defaults.
pub(crate) fn compiling_pool() -> anyhow::Result<PoolBuilder> {
    Ok(Pool::builder().compiler(compiler()?))
}

/// Compiles in a process of its own, within the defaults.
pub(crate) fn compiler() -> anyhow::Result<Compiler> {
    Ok(Compiler::new(this()?, ["compile"]))
}

fn this() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("can't find the path of this program")
}

impl CompileArgs {
    /// The most bytes that a plugin's file may have.
    pub(crate) fn plugin_size(&self) -> u64 {
        self.plugin_size as u64
    }

    /// The compiler of plugins, in a process of its own.
    pub(crate) fn compiler(&self) -> anyhow::Result<Compiler> {
        Ok(self.limit(compiler()?))
    }

    /// A compiler that also writes to the cache. Its limits are in its arguments, so that a caller can't change them.
    #[cfg(feature = "cluster")]
    fn keeping_compiler(&self) -> anyhow::Result<Compiler> {
        let Self { plugin_size, compile_timeout, compile_memory } = self;
        let arguments = [
            "compile".to_owned(),
            "--keep".to_owned(),
            format!("--plugin-size={plugin_size}B"),
            format!("--compile-timeout={}us", compile_timeout.as_micros()),
            format!("--compile-memory={compile_memory}B"),
        ];
        Ok(self.limit(Compiler::new(this()?, arguments)).keeping())
    }

    fn limit(&self, compiler: Compiler) -> Compiler {
        compiler.timeout(self.compile_timeout).memory(self.compile_memory)
    }

    pub(crate) fn pool(&self) -> anyhow::Result<PoolBuilder> {
        Ok(Pool::builder().compiler(self.compiler()?).plugin_size(self.plugin_size()))
    }
}

/// A stack that guests can begin to run on, and that fits into memory ten thousand times.
fn stack(text: &str) -> Result<usize, String> {
    let bytes = size(text)?;
    let right = (64 << 10..=64 << 20).contains(&bytes);
    if right { Ok(bytes) } else { Err("write 64KiB to 64MiB".to_owned()) }
}
