//! `engine check`: all mistakes of a pipeline file, and none of its records.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use engine::pipeline::{Diagnostics, OpenError, Pipeline, PipelineFile, Setup};
use engine::pool::PoolBuilder;
use engine::text::{path, same_length};
use serde_json::{Value, json};

use super::exit::{Ending, tell};
use super::limits::compiling_pool;
use super::plugins::{Crates, found};
use super::summary::counted;
use super::terminal::{print, print_json, tell_coloured, tell_lines};
use super::undeclared::warnings;

/// Find all mistakes in a pipeline file without running it
///
/// Plugins are loaded, functions get their arguments, and inputs must exist. Nothing is read, written or
/// built: for the folder of a plugin crate, the last build is used.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  engine check pipeline.toml\n  engine check --json pipeline.toml | jq '.[].message'\n\n\
                  Exit codes: 0 no mistakes, 2 mistakes, or the file can't be read"
)]
pub(crate) struct CheckCommand {
    /// The pipeline file
    pipeline: PathBuf,
    /// Print the mistakes as JSON
    #[arg(long)]
    json: bool,
}

impl CheckCommand {
    pub(crate) fn execute(self) -> anyhow::Result<Ending> {
        let pool = compiling_pool()?;
        let opened = PipelineFile::read(&self.pipeline)
            .map_err(OpenError::from)
            .and_then(|file| file.blocking_open(setup(pool, &built_before)));
        if self.json {
            let found = match &opened {
                Ok(_) => json!([]),
                Err(OpenError::Diagnostics(diagnostics)) => machine(diagnostics),
                // It is about the file as a whole.
                Err(error) => {
                    json!([{ "file": self.pipeline.display().to_string(), "message": told_whole(error) }])
                }
            };
            print_json(&format!("{found:#}"))?;
            return Ok(if opened.is_ok() { Ending::Done } else { Ending::Mistakes });
        }
        let Some(pipeline) = told(opened)? else { return Ok(Ending::Mistakes) };
        let (nodes, functions) = (pipeline.diagram().len(), pipeline.usage().len());
        for plugin in pipeline.plugins() {
            for warning in warnings(plugin, plugin.path()) {
                tell(format_args!("engine: warning: {warning}"));
            }
        }
        let nodes = counted(nodes as u64, "node");
        let functions = counted(functions as u64, "function");
        print(&format_args!("{}: {nodes}, {functions}, no mistakes\n", path(&self.pipeline)))?;
        Ok(Ending::Done)
    }
}

/// The pipeline that a file describes. If it has mistakes, they are printed, and there is none.
pub(super) fn open(file: &PipelineFile, setup: Setup) -> anyhow::Result<Option<Pipeline>> {
    told(file.blocking_open(setup))
}

/// How a pipeline that is not watched is opened.
pub(super) fn setup(pool: PoolBuilder, find_component: FindComponent) -> Setup {
    let on_listen = Arc::new(|name: &str, address| tell(format_args!("engine: {name} listens at {address}")));
    Setup { pool, find_component, on_listen, ..Setup::default() }
}

/// Finds the component that a plugin's path stands for.
pub(super) type FindComponent<'a> = &'a dyn Fn(&Path) -> Result<PathBuf, String>;

/// Only looks at crates, which were built before.
pub(super) fn built_before(path: &Path) -> Result<PathBuf, String> {
    found(path, Crates::BuiltBefore)
}

fn told(opened: Result<Pipeline, OpenError>) -> anyhow::Result<Option<Pipeline>> {
    match opened {
        Ok(pipeline) => Ok(Some(pipeline)),
        Err(OpenError::Diagnostics(diagnostics)) if stderr().is_terminal() => {
            tell_coloured(&shown(&diagnostics));
            Ok(None)
        }
        Err(OpenError::Diagnostics(diagnostics)) => {
            tell_lines(&diagnostics);
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Mistakes with the lines that they stand in, for a terminal.
fn shown(diagnostics: &Diagnostics) -> String {
    let path = path(diagnostics.path());
    let text = &same_length(diagnostics.text());
    let groups: Vec<_> = diagnostics
        .list()
        .iter()
        .map(|diagnostic| {
            let span = diagnostic.span.start.min(text.len())..diagnostic.span.end.min(text.len());
            let source = Snippet::source(&**text).path(path.as_str());
            let source = source.annotation(AnnotationKind::Primary.span(span));
            let group = Level::ERROR.primary_title(diagnostic.message.as_str()).element(source);
            match &diagnostic.help {
                Some(help) => group.element(Level::HELP.message(help.as_str())),
                None => group,
            }
        })
        .collect();
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Unicode);
    let shown: Vec<_> = groups.iter().map(|group| renderer.render(std::slice::from_ref(group))).collect();
    shown.join("\n\n")
}

/// An error with its causes.
fn told_whole(error: &OpenError) -> String {
    match error {
        OpenError::Error(error) => format!("{error:?}"),
        error => error.to_string(),
    }
}

fn machine(diagnostics: &Diagnostics) -> Value {
    let path = path(diagnostics.path());
    let diagnostics = diagnostics.list().iter().map(|diagnostic| {
        json!({
            "file": path,
            "line": diagnostic.line,
            "column": diagnostic.column,
            "span": [diagnostic.span.start, diagnostic.span.end],
            "message": diagnostic.message,
            "help": diagnostic.help,
        })
    });
    diagnostics.collect()
}
