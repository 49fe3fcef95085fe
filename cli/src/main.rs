//! The command `engine`: it parses, and calls the library. The subcommands are a file each.

mod args;
mod build;
mod cargo;
mod check;
mod checkpoint;
#[cfg(feature = "cluster")]
mod cluster;
mod compile;
mod completions;
mod drain;
mod exit;
mod faults;
mod graph;
mod hint;
mod inspect;
#[cfg(unix)]
mod launcher;
mod limits;
mod new;
mod plugins;
mod progress;
mod run;
mod schema;
mod setup;
mod signals;
mod summary;
mod terminal;
mod threads;
mod top;
mod undeclared;
mod wall;
#[cfg(feature = "cluster")]
mod worker;

use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

/// Process streams of records with functions that you do not have to trust.
///
/// Functions are compiled to WebAssembly and run in sandboxes, which can reach only what you grant. They
/// run in parallel; results keep the order of their records, and no record is lost.
#[derive(Parser)]
#[command(name = "engine", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Engine {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  engine new inc                         create a plugin crate
  engine build inc                       build it: inc.wasm
  engine inspect inc.wasm                show its functions
  seq 1 10 | engine run --plugin inc.wasm
  engine check pipeline.toml             find mistakes in a pipeline file
  engine run pipeline.toml               run it
  engine run pipeline.toml --tui         run it, and watch it on the terminal

Exit codes: 0 success, 1 the run failed, 2 the command is wrong, 130 or 143 interrupted";

#[derive(Subcommand)]
enum Command {
    Run(Box<run::RunCommand>),
    Top(top::TopCommand),
    #[cfg(feature = "cluster")]
    Worker(worker::WorkerCommand),
    #[cfg(feature = "cluster")]
    Cluster(cluster::ClusterCommand),
    #[command(hide = true)]
    Compile(compile::CompileCommand),
    #[cfg(unix)]
    #[command(hide = true)]
    Launcher(launcher::LauncherCommand),
    New(new::NewCommand),
    Build(build::BuildCommand),
    Inspect(inspect::InspectCommand),
    Check(check::CheckCommand),
    Graph(graph::GraphCommand),
    Schema(schema::SchemaCommand),
    Completions(completions::CompletionsCommand),
}

fn main() -> ExitCode {
    Engine::run()
}

impl Engine {
    /// Parses the command line and runs the command. A wrong command line ends the process.
    pub(crate) fn run() -> ExitCode {
        #[cfg(target_os = "linux")]
        engine::wall::note_inherited();
        let matches = Self::command().get_matches();
        let engine = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        exit::report(setup::prepare().and_then(|()| engine.command.execute(&matches)))
    }
}

impl Command {
    fn execute(self, matches: &ArgMatches) -> anyhow::Result<exit::Ending> {
        match self {
            Self::Run(command) => command.execute(|| given(matches)),
            Self::Top(command) => command.execute(),
            #[cfg(feature = "cluster")]
            Self::Worker(command) => command.execute(),
            #[cfg(feature = "cluster")]
            Self::Cluster(command) => command.execute(),
            Self::Compile(command) => command.execute(),
            #[cfg(unix)]
            Self::Launcher(command) => command.execute(),
            Self::New(command) => command.execute(),
            Self::Build(command) => command.execute(),
            Self::Inspect(command) => command.execute(),
            Self::Check(command) => command.execute(),
            Self::Graph(command) => command.execute(),
            Self::Schema(command) => command.execute(),
            Self::Completions(command) => command.execute(),
        }
    }
}

/// The flags that a command was given, by their long names.
fn given(matches: &ArgMatches) -> Vec<String> {
    let Some((name, matches)) = matches.subcommand() else { return Vec::new() };
    let engine = Engine::command();
    let arguments = engine.find_subcommand(name).into_iter().flat_map(clap::Command::get_arguments);
    let given = |argument: &&clap::Arg| {
        matches.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine)
    };
    arguments.filter(given).filter_map(|argument| argument.get_long().map(str::to_owned)).collect()
}
