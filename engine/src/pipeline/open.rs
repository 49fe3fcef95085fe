//! From a pipeline file to a graph that is ready to run, or to all of its mistakes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagram::Diagram;
use super::document::{self, Document};
use super::edges::{self, Edges};
use super::graph::{Graph, Parts, Plan};
use super::run::Pipeline;
use super::settings::{LimitOptions, PoolOptions};
#[cfg(feature = "cluster")]
use crate::cluster::Cluster;
use crate::error::FileError;
use crate::executor::PoolBuilder;
use crate::nodes::{BuildContext, Diagnostics, FaultOptions, FindComponent, OnListen, Report};
use crate::{Error, Monitor, Pool, files, threads};

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// What a pipeline is opened with, beside its file.
pub struct Setup<'a> {
    /// Settings of the pool, where the file says nothing.
    pub pool: PoolBuilder,
    /// The cluster whose workers run scattered segments, instead of this process.
    #[cfg(feature = "cluster")]
    pub cluster: Option<Cluster>,
    /// The component that a plugin's path stands for: the path itself by default.
    pub find_component: FindComponent<'a>,
    /// Called with the name of each source that listens, and its address, once it does.
    pub on_listen: OnListen,
    /// Watches the run.
    pub monitor: Option<Monitor>,
    /// Whether something is drawn on the terminal: nodes may not read stdin or write to stdout there.
    pub on_terminal: bool,
    /// Files that are written besides, of which nodes keep away.
    pub writes: Vec<PathBuf>,
    /// What a variable in the file is, if it is set: one of this process's environment by default.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            pool: Pool::builder(),
            #[cfg(feature = "cluster")]
            cluster: None,
            find_component: &|path| Ok(path.to_owned()),
            on_listen: Arc::new(|_, _| {}),
            monitor: None,
            on_terminal: false,
            writes: Vec::new(),
            variable: &|name| std::env::var(name).ok(),
        }
    }
}

impl std::fmt::Debug for Setup<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Setup")
    }
}

/// A pipeline file that was read: what its process may [access](super::Access) and the graph that is built come from
/// the same text.
#[derive(Clone, Debug)]
pub struct PipelineFile {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl PipelineFile {
    /// Reads a pipeline file, of 1 MiB at most.
    ///
    /// # Errors
    ///
    /// If it can't be read, or is no text.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let no_text = |_| io::Error::other("it is no text, and a pipeline file is TOML");
        let read = files::read_at_most(&path, LONGEST);
        match read.and_then(|bytes| String::from_utf8(bytes).map_err(no_text)) {
            Ok(text) => Ok(Self { path, text }),
            Err(error) => Err(Error::File(FileError::Read { path, source: Arc::new(error) })),
        }
    }

    /// Loads the plugins that it names, and builds its graph. Nothing is read from its inputs yet, and nothing
    /// written. Blocks while plugins are compiled.
    ///
    /// # Errors
    ///
    /// All mistakes that it has.
    pub fn blocking_open(&self, setup: Setup) -> Result<Pipeline, OpenError> {
        let Self { path, text } = self;
        let mut report = Report::new(path, text);
        let Some(document) = document::read(text, setup.variable, &mut report) else {
            return Err(report.diagnostics().into());
        };
        let edges = edges::find(&document, &mut report);
        build(&document, &edges, setup, path, report)
    }

    /// Where relative paths begin.
    pub(super) fn folder(&self) -> PathBuf {
        folder_of(&self.path)
    }
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// Why a pipeline file can't be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file, or what it needs of this machine.
    #[error(transparent)]
    Error(#[from] Error),
    /// What stands in it.
    #[error(transparent)]
    Diagnostics(#[from] Diagnostics),
}

impl Pipeline {
    /// Reads a pipeline file, loads its plugins, and builds its graph. Nothing is read from its inputs yet,
    /// and nothing written.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use engine::pipeline::Pipeline;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("pipeline.toml");
    /// let all_but_the_first = "
    ///     [sources.files]
    ///     path = 'lines'
    ///     [stages.slice]
    ///     start = 1
    ///     [sinks.file]
    ///     path = 'rest'
    /// ";
    /// std::fs::write(&path, all_but_the_first)?;
    /// std::fs::write(folder.path().join("lines"), "header\none\ntwo\n")?;
    /// let mut pipeline = Pipeline::open(path).await?;
    /// pipeline.run(&Default::default()).await?;
    /// assert_eq!(std::fs::read_to_string(folder.path().join("rest"))?, "one\ntwo\n");
    /// # Ok(()) }
    /// ```
    ///
    /// If the future is dropped, the work goes on to its end, and the pipeline is dropped then.
    ///
    /// # Errors
    ///
    /// All mistakes that it has.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref().to_owned();
        threads::unblocked("engine-open", move || Self::blocking_open(path)).await?
    }

    /// Opens a pipeline file as [`open`](Self::open) does, and blocks the caller's thread meanwhile.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn blocking_open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::blocking_open_with(path, Setup::default())
    }

    /// Opens a pipeline file with other settings than the defaults, and blocks the caller's thread meanwhile.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn blocking_open_with(path: impl AsRef<Path>, setup: Setup) -> Result<Self, OpenError> {
        PipelineFile::read(path)?.blocking_open(setup)
    }
}

fn build(
    document: &Document,
    edges: &Edges,
    setup: Setup,
    path: &Path,
    mut report: Report,
) -> Result<Pipeline, OpenError> {
    let mut pool = document.pool.options::<PoolOptions>(&mut report).unwrap_or_default();
    if let Err(problem) = pool.check() {
        for problem in problem.each() {
            report.add(document.pool.span_of(&problem.key), problem.message, problem.help);
        }
        pool = PoolOptions::default();
    }
    let limits = document.limits.options::<LimitOptions>(&mut report).unwrap_or_default();
    let faults = document.faults.options::<FaultOptions>(&mut report).unwrap_or_default();
    let drain_timeout = limits.drain_timeout();
    let mut settings = limits.apply(pool.apply(setup.pool));
    if let Some(monitor) = &setup.monitor {
        settings = settings.monitor(monitor);
    }
    #[cfg(feature = "cluster")]
    let pool = match setup.cluster {
        Some(cluster) => settings.cluster(cluster).blocking_build()?,
        None => settings.build()?,
    };
    #[cfg(not(feature = "cluster"))]
    let pool = settings.build()?;
    let folder = folder_of(path);
    let mut context = BuildContext::new(pool, &folder, setup.find_component, setup.on_listen, faults);
    context.on_terminal = setup.on_terminal;
    // It is the first claim, which nothing stands against.
    let _ = context.conflicts.read(path);
    for path in &setup.writes {
        let _ = context.conflicts.write(path, false);
    }
    let mut graph = Graph::new(setup.monitor);
    let plan = Plan::new(document, edges);
    for place in &edges.order {
        graph.add(&plan, *place, &mut context, &mut report);
    }
    // Nodes on a cycle have options too.
    for place in (0..document.nodes.len()).filter(|place| !edges.order.contains(place)) {
        let node = &document.nodes[place];
        if let (Some(kind), Some(Parts { own, .. })) = (node.kind, Parts::of(node, &mut report)) {
            kind.check(&own, &mut report);
        }
    }
    report.end()?;
    let diagram = Diagram::new(document, edges, &graph.contents(document));
    Ok(Pipeline::new(context, graph.sources, diagram, graph.notes, drain_timeout))
}

/// What is wrong with a file's text, whatever else there is on this machine.
#[cfg(any(fuzzing, test))]
pub(crate) fn diagnostics_of(text: &str) -> Vec<super::Diagnostic> {
    let mut report = Report::new(Path::new("fuzz"), text);
    let variable = |name: &str| (name.len() == 1).then(|| "value".to_owned());
    if let Some(document) = document::read(text, &variable, &mut report) {
        let edges = edges::find(&document, &mut report);
        let mut seen = vec![false; document.nodes.len()];
        for place in edges.order {
            assert!(edges.inputs[place].nodes.iter().all(|input| seen[*input]) && !seen[place]);
            seen[place] = true;
        }
        for node in &document.nodes {
            if let (Some(kind), Some(Parts { own, .. })) = (node.kind, Parts::of(node, &mut report)) {
                kind.check(&own, &mut report);
            }
        }
        let _ = document.pool.options::<PoolOptions>(&mut report);
        let _ = document.limits.options::<LimitOptions>(&mut report);
        drop(document.faults.options::<FaultOptions>(&mut report));
    }
    report.end().map_or_else(|diagnostics| diagnostics.list().to_vec(), |()| Vec::new())
}
