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

/// Run records through the functions of plugins
///
/// A record is a line. It goes through the functions in the order of their flags, and results come out in
/// the order of their records. If a function fails for a record, this is a fault: the run ends after all
/// records before it are out, unless --on-fault says otherwise.
///
/// Functions run in sandboxes. They have no files, network, environment variables or clock unless --allow
/// grants them, and limited time (10 s per record) and memory (64 MiB per instance).
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "engine run [OPTIONS] --plugin FILE[:FUNCTION]...\n       engine run [--quiet] [--json] [--dashboard] [--tui] [--hold]\n                  [--report FILE.html] [--otlp ADDR] [--cluster URL] PIPELINE.toml")]
pub(crate) struct RunCommand {
    /// A plugin, with the function to run if it has several; repeat the flag to make a chain
    ///
    /// The plugin is a .wasm file or the folder of a plugin crate. A crate is built if it has changed, which
    /// runs its build scripts and macros with your permissions. A sink must be the last plugin; the output
    /// is what it prints.
    #[arg(short, long = "plugin", value_name = "FILE[:FUNCTION]")]
    pub(super) plugins: Vec<PluginSpec>,
    /// A pipeline file (.toml), which replaces most of the flags below
    #[arg(value_name = "PIPELINE")]
    pub(super) words: Vec<String>,
    /// An argument for the function that has this parameter; 2.NAME=VALUE is for the second plugin
    #[arg(short, long = "arg", value_name = "NAME=VALUE")]
    pub(super) arguments: Vec<Argument>,
    /// Keep one state per value of this field (or item, by number) of JSON records; 2.FIELD is for the
    /// second plugin
    #[arg(long = "key", value_name = "FIELD")]
    pub(super) keys: Vec<KeyArg>,
    /// Grant this to the functions that need it: dir:PATH, dir:PATH:ro, dir:PATH:quota=SIZE (1GiB),
    /// net:HOST:PORT, env:NAME, clock or random; 2.CAPABILITY is for the second plugin
    #[arg(long, value_name = "CAPABILITY")]
    pub(super) allow: Vec<Allowed>,

    /// Read these files one after another instead of stdin; - is stdin
    #[arg(short, long, value_name = "FILE", num_args = 1.., help_heading = "Input and output")]
    pub(super) input: Vec<PathBuf>,
    /// Write to this file instead of stdout; - is stdout
    #[arg(short, long, value_name = "FILE", help_heading = "Input and output")]
    pub(super) output: Option<PathBuf>,
    /// Records end with a NUL byte instead of a newline
    #[arg(short = '0', long, help_heading = "Input and output")]
    pub(super) null: bool,
    /// Write results as soon as they are ready, in any order; functions with a state still get records in
    /// order
    #[arg(long, help_heading = "Input and output")]
    pub(super) unordered: bool,

    /// Threads that run functions [default: one per core]
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
    /// Instances at most; there are more than threads only while functions wait [default: 1000, or the
    /// value of --buffer if that is larger, up to 10000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Pool")]
    pub(super) instances: Option<u32>,
    /// Unfinished records at most; at this number the input waits, and before it if these take longer than
    /// about a second [default: 131072 per thread, at least 262144; 4194304 with --cluster]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Pool")]
    pub(super) buffer: Option<u32>,
    /// Use one instance and one record at a time, without a pool; useful for comparison
    #[arg(long, conflicts_with_all = ["threads", "instances", "buffer", "unordered"], help_heading = "Pool")]
    pub(super) sequential: bool,

    /// Time to finish the records in progress after the first Ctrl-C; 0 ends the run at once [default: 30s]
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

    /// Print no progress line and no summary; --json still prints one
    #[arg(short, long, help_heading = "Messages")]
    pub(super) quiet: bool,
    /// Print the summary as JSON, on stderr
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
  engine run -p parse.wasm -i dead.ndjson --dead-letters -o mended
  engine run -p parse.wasm -i log -o clean --checkpoint clean.checkpoint
  engine run -p parse.wasm -p total.wasm --key user -i log
  engine run pipeline.toml --dashboard
  engine run -p parse.wasm -i log -o clean --tui

Exit codes:
  0    success; also if the reader of the output closes it early
  1    the run failed, put records aside (0 with --exit-zero), or did not end within --drain-timeout
  2    the command is wrong; nothing was run
  130  Ctrl-C: the first one finishes the records in progress, the second aborts
  143  SIGTERM, or ended from the dashboard
  129  SIGHUP, when the terminal closes; not under nohup
  152  SIGXCPU, at the soft limit on processor time (ulimit -S -t); never aborts";

impl RunCommand {
    /// Runs. `given` returns the long names of the flags on the command line.
    pub(crate) fn execute(mut self, given: impl FnOnce() -> Vec<String>) -> anyhow::Result<Ending> {
        self.output = self.output.filter(|path| path != Path::new("-"));
        if let [path] = self.words.as_slice()
            && path.ends_with(".toml")
        {
            let mut flags = given().into_iter();
            if let Some(flag) = flags.find(|flag| !goes_with_a_pipeline(flag)) {
                bail!("--{flag} can't be used with a pipeline file: set it in {path}");
            }
            return self.run_pipeline(Path::new(path));
        }
        if let Some(word) = self.words.first() {
            bail!(unexpected(word, &self.words));
        }
        self.run_plugins()
    }

    pub(super) fn drain(&self) -> Drain {
        Drain::of_run(self.drain_timeout, self.json)
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
    let common =
        ["quiet", "json", "drain-timeout", "wall", "checkpoint", "checkpoint-interval", "accept-changes"];
    common.contains(&flag) || WatchArgs::has(flag)
}

/// Says what an argument that belongs to no flag was probably meant as.
fn unexpected(word: &str, words: &[String]) -> String {
    let pipeline = words.iter().find(|word| word.ends_with(".toml"));
    let is_plugin = word.contains(".wasm");
    match pipeline {
        Some(pipeline) if words.len() > 1 => {
            format!("{pipeline} is a pipeline file, which takes no other arguments: engine run {pipeline}")
        }
        _ if is_plugin => format!("unexpected argument {word}: write --plugin {word}"),
        _ => format!(
            "unexpected argument {word}: write --input {word} for an input, --plugin {word} for a plugin"
        ),
    }
}
