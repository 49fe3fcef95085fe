//! The flags of `engine run`, and which kind of run they ask for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;

use super::messages::Messages;
use super::watching::WatchArgs;
use crate::args::{Allowed, Argument, KeyArg, PluginSpec};
use crate::checkpoint::CheckpointArgs;
#[cfg(feature = "cluster")]
use crate::cluster::ClusterArgs;
use crate::drain::{Drain, drain_time};
use crate::exit::Ending;
use crate::faults::Faults;
use crate::limits::LimitArgs;
use crate::wall::WallArgs;

/// Run records through plugins' functions
///
/// A record is a line. Each goes through the functions in the order in which they are given; results
/// come out in the order of their records. A record that a function fails for is a fault: it ends
/// the run, after all records before it are out, unless --on-fault says otherwise.
///
/// Functions run in sandboxes: without files, network, environment or time of day unless --allow gives
/// them, and with limits on time (10 s a record) and memory (64 MiB an instance).
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "engine run [OPTIONS] --plugin FILE[:FUNCTION]...\n       engine run [--quiet] [--json] [--dashboard] [--tui] [--hold]\n                  [--report FILE.html] [--otlp ADDR] [--cluster URL] PIPELINE.toml")]
pub(crate) struct RunCommand {
    /// A plugin and its function, if it has several; repeat it to make a chain
    ///
    /// The plugin is a .wasm file, or a plugin crate's folder, which is built if it changed: that runs the
    /// crate's build scripts and macros as you. A sink comes last: what it prints is the output.
    #[arg(short, long = "plugin", value_name = "FILE[:FUNCTION]")]
    pub(super) plugins: Vec<PluginSpec>,
    /// A pipeline file (.toml), which says all that the flags below say
    #[arg(value_name = "PIPELINE")]
    pub(super) words: Vec<String>,
    /// An argument of a function; of the second plugin: 2.NAME=VALUE
    #[arg(short, long = "arg", value_name = "NAME=VALUE")]
    pub(super) arguments: Vec<Argument>,
    /// The field of records that are JSON (or the item, by number) for whose values a function keeps a state
    /// each; of the second plugin: 2.FIELD
    #[arg(long = "key", value_name = "FIELD")]
    pub(super) keys: Vec<KeyArg>,
    /// Let functions that need it have this: dir:PATH, dir:PATH:ro, dir:PATH:quota=SIZE (1GiB),
    /// net:HOST:PORT, env:NAME, clock or random; only those of the second plugin: 2.CAPABILITY
    #[arg(long, value_name = "CAPABILITY")]
    pub(super) allow: Vec<Allowed>,

    /// Read these files one after another, not stdin (- is stdin)
    #[arg(short, long, value_name = "FILE", num_args = 1.., help_heading = "Input and output")]
    pub(super) input: Vec<PathBuf>,
    /// Write to this file, not stdout (- is stdout)
    #[arg(short, long, value_name = "FILE", help_heading = "Input and output")]
    pub(super) output: Option<PathBuf>,
    /// Records end with a NUL byte, not a newline
    #[arg(short = '0', long, help_heading = "Input and output")]
    pub(super) null: bool,
    /// Results may come out as soon as they are there; up to a function that accumulates they keep their order
    #[arg(long, help_heading = "Input and output")]
    pub(super) unordered: bool,

    /// Threads that run functions [default: one a core]
    #[arg(
        short,
        long,
        short_alias = 'w',
        alias = "workers",
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..),
        help_heading = "Pool"
    )]
    pub(super) threads: Option<u16>,
    /// Instances at most; there are more of them than threads only while functions wait [default: 1000,
    /// or as many as --buffer says, up to 10000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Pool")]
    pub(super) instances: Option<u32>,
    /// Unfinished records at most; then the input waits [default: 131072 per thread, but at least 262144;
    /// with --cluster 4194304]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Pool")]
    pub(super) buffer: Option<u32>,
    /// One instance, one record at a time, no pool: to compare with
    #[arg(long, conflicts_with_all = ["threads", "instances", "buffer", "unordered"], help_heading = "Pool")]
    pub(super) sequential: bool,

    /// How long accepted records may take to finish after the first Ctrl-C; 0 ends the run at once [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = drain_time, help_heading = "Pool")]
    pub(super) drain_timeout: Option<Duration>,

    #[command(flatten)]
    pub(super) limits: LimitArgs,

    #[command(flatten)]
    pub(super) wall: WallArgs,

    #[command(flatten)]
    pub(super) faults: Faults,

    #[command(flatten)]
    pub(super) checkpoint: CheckpointArgs,

    #[cfg(feature = "cluster")]
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,

    #[command(flatten)]
    pub(super) watch: WatchArgs,

    /// No progress line, and no summary but that of --json
    #[arg(short, long, help_heading = "Messages")]
    pub(super) quiet: bool,
    /// The summary as JSON, on stderr
    #[arg(long, help_heading = "Messages")]
    pub(super) json: bool,
}

const EXAMPLES: &str = "\
Examples:
  seq 1 10 | engine run --plugin inc.wasm
  engine run -p parse.wasm -p redact.wasm:emails -a mask=x -i log -o clean
  tail -f access.log | engine run -p parse.wasm -p print.wasm
  engine run -p fetch.wasm --allow net:example.org:443 --retries 3
  engine run -p parse.wasm -i log -o clean --on-fault divert=dead.ndjson
  engine run -p parse.wasm -i dead.ndjson --letters -o mended
  engine run -p parse.wasm -i log -o clean --checkpoint clean.checkpoint
  engine run -p parse.wasm -p total.wasm --key user -i log
  engine run pipeline.toml --dashboard
  engine run -p parse.wasm -i log -o clean --tui

Exit codes:
  0    done; also when the reader of the output closes it
  1    the run failed, put records aside, or did not end within --drain-timeout
  2    wrong use: nothing was run
  129  the same as 130 when the terminal goes (SIGHUP), unless nohup says that this is nothing to it
  130  interrupted: the first Ctrl-C finishes what was taken in, the second aborts
  143  the same by SIGTERM, or ended by somebody at the dashboard
  152  the same at the soft limit on processor time (ulimit -S -t); it aborts nothing";

impl RunCommand {
    /// Runs; `given` returns the flags that were given, by their long names.
    pub(crate) fn execute(mut self, given: impl FnOnce() -> Vec<String>) -> anyhow::Result<Ending> {
        self.output = self.output.filter(|path| path != Path::new("-"));
        if let [path] = self.words.as_slice()
            && path.ends_with(".toml")
        {
            let mut flags = given().into_iter();
            if let Some(flag) = flags.find(|flag| !goes_with_a_pipeline(flag)) {
                bail!("--{flag} does not go with a pipeline file: say it in {path}");
            }
            return self.run_pipeline(Path::new(path));
        }
        if let Some(word) = self.words.first() {
            bail!(alone(word, &self.words));
        }
        self.run_plugins()
    }

    pub(super) fn drain(&self) -> Drain {
        Drain::new(self.drain_timeout, self.json)
    }

    pub(super) fn messages(&self) -> Messages {
        Messages { quiet: self.quiet, json: self.json }
    }

    pub(super) fn separator(&self) -> u8 {
        if self.null { 0 } else { b'\n' }
    }
}

/// Whether a flag of this name is for pipeline files too.
fn goes_with_a_pipeline(flag: &str) -> bool {
    #[cfg(feature = "cluster")]
    if ClusterArgs::has(flag) {
        return true;
    }
    matches!(flag, "quiet" | "json" | "drain-timeout" | "wall") || WatchArgs::has(flag)
}

/// What a word that belongs to no flag may have been meant as.
fn alone(word: &str, words: &[String]) -> String {
    let pipeline = words.iter().find(|word| word.ends_with(".toml"));
    let is_plugin = word.contains(".wasm");
    match pipeline {
        Some(pipeline) if words.len() > 1 => {
            format!("{pipeline} is a pipeline file, which is run alone: engine run {pipeline}")
        }
        _ if is_plugin => format!("{word} stands alone: write --plugin {word}"),
        _ => format!("{word} stands alone: write --input {word} for an input, --plugin {word} for a plugin"),
    }
}
